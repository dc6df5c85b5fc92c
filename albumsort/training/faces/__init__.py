"""How the face detector is made: photos, canvases, candidates, its two networks."""
