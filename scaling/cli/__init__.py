"""The `scaling` command: one subcommand a file."""
