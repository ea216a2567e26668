"""XLS files."""

from lechat_tui.documents.parsers.sheets import parse as parse
