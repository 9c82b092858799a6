"""Fits in the background: a queue in the database, worker processes that are spawned, niced, kept warm and replaced."""
