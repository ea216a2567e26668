"""Themes, styles, the plain mode, the start page."""
