"""Float64, program sizes and compiled programs: what every fit in JAX shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

SMALLEST_BUCKET = 64


@contextmanager
def float64() -> Iterator[None]:
    """Double precision inside this block only: a library must not switch its caller's programs over.

    Losses that differ by 1e-4 at ln N near 25 are lost in single precision.
    """
    with jax.enable_x64(True):
        yield


def bucket_size(count: int, *, smallest: int = SMALLEST_BUCKET) -> int:
    """The padded length for `count` rows: the next power of two, so that fits of similar size share a program."""
    size = smallest
    while size < count:
        size *= 2
    return size


def keep_compiled_programs(folder: Path) -> None:
    """Keep compiled programs in `folder` across processes; for programs (command line, workers) to call at start."""
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
