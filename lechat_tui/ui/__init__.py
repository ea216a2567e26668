"""Everything on the screen. Only this package imports Textual."""
