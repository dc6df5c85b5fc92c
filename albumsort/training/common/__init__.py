"""Parts that every training uses: recipes, epochs, shards, conversion, scores, pages."""
