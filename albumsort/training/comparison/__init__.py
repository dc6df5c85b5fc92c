"""The older systems, rebuilt and compared with the network that ships."""
