"""Detect faces in pixels, and cut the crops that the emotion network sees."""
