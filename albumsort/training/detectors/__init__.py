"""Evaluation of face detectors, ours and others."""
