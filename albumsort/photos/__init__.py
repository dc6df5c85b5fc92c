"""Folders to photo files, and a file to upright pixels and a date."""
