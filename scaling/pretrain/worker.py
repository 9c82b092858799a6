"""The process of one run: `python -m scaling.pretrain.worker RUN_FOLDER`. Any scheduler can start it, again and again.

Exit status: 0 done; 75 (EX_TEMPFAIL) stopped by SIGTERM or SIGINT after a checkpoint, run it again to go on;
73 (EX_CANTCREAT) another process works on the run; 1 failed, the reason is in progress.json.
"""

import argparse
import fcntl
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

EXIT_STOPPED = 75
EXIT_BUSY = 73

ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "NPROC": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}
"""One thread a process: as fast for small networks, and the sums do not depend on how many cores there are."""


def main(arguments: list[str] | None = None) -> int:
    """Train the run of one folder; see the module's docstring for the exit status."""
    parser = argparse.ArgumentParser(prog="scaling.pretrain.worker", description=__doc__)
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("--shared-folder", type=Path, help="corpus and compilation cache (default: the sweep's)")
    parser.add_argument("--interval-seconds", type=float, default=60.0, help="seconds between checkpoints")
    given = parser.parse_args(arguments)
    os.environ.update(ONE_THREAD)
    with (given.run_folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return EXIT_BUSY
        return _train(given.run_folder, given.shared_folder or given.run_folder.parent.parent, given.interval_seconds)


def _train(folder: Path, shared: Path, interval_seconds: float) -> int:
    stopping: list[int] = []

    def note(signal_number: int, _: FrameType | None) -> None:
        stopping.append(signal_number)

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, note)

    import jax

    from scaling.errors import ScalingError
    from scaling.pretrain.items import stored_corpus
    from scaling.pretrain.records import read_progress, read_run_config, write_progress
    from scaling.pretrain.run import train_run

    jax.config.update("jax_compilation_cache_dir", str((shared / "compiled").absolute()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    try:
        source, items = stored_corpus(read_run_config(folder).corpus, shared / "corpus")
        end = train_run(folder, source, items, interval_seconds=interval_seconds, stop=lambda: bool(stopping))
    except ScalingError as error:
        write_progress(folder, replace(read_progress(folder), state="failed", reason=str(error)))
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if end.state == "done" else EXIT_STOPPED


if __name__ == "__main__":
    sys.exit(main())
