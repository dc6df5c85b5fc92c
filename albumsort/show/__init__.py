"""Photos and faces as text, tables and drawings."""
