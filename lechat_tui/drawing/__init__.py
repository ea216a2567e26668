"""Answers rendered to rows of cells. Rich, no Textual."""
