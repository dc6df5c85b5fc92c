"""Pixels to faces, and a face to the crop that the emotion network sees."""
