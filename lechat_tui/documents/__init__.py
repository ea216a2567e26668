"""Document files to Markdown with page numbers. The parsers run in a child process without a network."""
