"""Files other tools write, turned into observations: one source a file."""
