"""Files and pictures on their way into a message."""
