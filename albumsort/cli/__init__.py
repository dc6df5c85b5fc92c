"""The command line, one file for each group of commands. No other package prints or exits."""
