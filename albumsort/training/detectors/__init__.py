"""How face detectors are measured, ours and others."""
