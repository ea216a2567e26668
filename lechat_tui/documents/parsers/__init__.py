"""One module a format, with `parse(content, pages)`. Only the child process imports them, with their libraries."""
