"""Conversations: turns, branches, titles, exports."""
