"""The SQLite index. All SQL of albumsort is in this package."""
