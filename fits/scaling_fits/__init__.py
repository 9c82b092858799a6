"""Reference fits: documents, not code."""
