"""Load the networks that ship, check them against the manifest, and run them."""
