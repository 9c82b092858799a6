"""What the server keeps: datasets, fits and operations in a database, draws as files named by digest.

The functions of `datasets`, `fits`, `operations` and `requests` take an open connection and belong to one transaction
of the caller's; `Database` opens transactions off the event loop.
"""
