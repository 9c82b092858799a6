"""`python -m scaling.cli` is `scaling`."""

from scaling.cli import main

main()
