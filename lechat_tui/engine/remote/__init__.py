"""The engine for models on servers: one HTTP client, and one class for each kind of server."""
