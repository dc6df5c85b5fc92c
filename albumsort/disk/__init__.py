"""Complete files only, locks, file systems, and the content hash."""
