"""Chosen photos to copies in folders, with a report that undoes them."""
