"""The command line, one file for each group of commands. Nothing else prints or exits but `__main__`."""
