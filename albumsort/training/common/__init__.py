"""What every training shares: recipes, epochs, shards, conversion, scores, pages."""
