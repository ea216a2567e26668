"""OCR: the pages of a scan or a PDF, read one by one by a model that supports images."""
