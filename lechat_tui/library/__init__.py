"""Libraries: the user's documents as passages that a question finds. The only package besides `store` with SQL."""
