"""Show photos and faces as text, tables and drawings."""
