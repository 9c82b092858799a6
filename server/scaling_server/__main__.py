"""`python -m scaling_server`: the same as `scaling serve`."""

from __future__ import annotations

import sys

from scaling.cli import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
