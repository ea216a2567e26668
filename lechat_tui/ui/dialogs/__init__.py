"""Modal screens: models, pickers, search, comparison."""
