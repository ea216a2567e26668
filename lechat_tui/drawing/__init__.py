"""Messages rendered to rows of terminal cells. Uses Rich; does not import Textual."""
