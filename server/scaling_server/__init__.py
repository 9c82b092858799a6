"""The service: what `scaling serve` runs."""
