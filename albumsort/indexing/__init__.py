"""Bringing the index up to date: what is new, who works, what failed."""
