"""Files that appear whole, locks, file systems, the content hash."""
