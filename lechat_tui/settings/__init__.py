"""The configuration file, choices made in the program, and tables of plain values."""
