"""Find photo files in folders, and decode a file to upright pixels and a date."""
