"""Export photos to folders, with a report from which the export can be undone."""
