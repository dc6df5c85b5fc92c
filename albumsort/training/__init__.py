"""Data sets, networks, fitting, evaluation, conversion: how the shipped networks are made."""
