"""Generated from `proto/scaling/v1`; see `proto/README.md`."""
