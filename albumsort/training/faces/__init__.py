"""How the face detector is trained: photos, canvases, candidates, its two networks."""
