"""The networks that ship: found, checked against the manifest, run."""
