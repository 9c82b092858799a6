"""The `scaling` command: one subcommand a file.

A module of this package that exports `app` (a Typer application) is a command, and so is an entry point in the group
`scaling.commands`. Modules are imported when their command is asked for; none imports JAX before it has to.

Exit codes: 0 done, 2 what was given cannot be used, 3 a fit failed its checks, 4 the store cannot be read or written,
5 the server cannot be reached or refused, 130 interrupted; 1 is a fault of ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from scaling.errors import ScalingError

# Our matrices are small: threads of the linear algebra only wait for each other, and on busy cores cost many times the
# work. What the user has set stands.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; `arguments` are those of the process unless given."""
    for name in _ONE_THREAD:  # read when NumPy is first imported, which is below
        os.environ.setdefault(name, "1")
    from scaling.cli._commands import command
    from scaling.cli._failures import exit_code_of, report

    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command().main(args=words, prog_name="scaling")
    except ScalingError as error:
        report(error, as_json="--json" in words)
        sys.exit(exit_code_of(error))
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        sys.exit(141)
