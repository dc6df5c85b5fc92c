"""Label, rank and sort photos: pure functions, without a database."""
