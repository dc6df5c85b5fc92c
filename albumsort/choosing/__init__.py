"""Labels and order of photos: pure functions, without a database."""
