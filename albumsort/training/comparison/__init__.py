"""The older systems, rebuilt and compared with the shipped network."""
