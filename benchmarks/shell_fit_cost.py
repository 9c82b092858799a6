"""What `scaling fit` on 240 rows costs from the shell, all in: with an empty and with a warm compilation cache.

Run: python -m benchmarks.shell_fit_cost
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._measured import chinchilla_runs
from benchmarks._report import print_table


def cpu_seconds(words: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "runs.csv"
        chinchilla_runs().to_frame().to_csv(table, index=False)
        scaling = str(Path(sys.executable).parent / "scaling")
        environment = os.environ | {"XDG_CACHE_HOME": f"{folder}/cache", "SCALING_STORE": f"{folder}/fits"}
        costs = [
            cpu_seconds([scaling, "fit", str(table), "--name", f"fit-{attempt}"], environment) for attempt in range(4)
        ]
    print_table(
        "scaling fit, 240 rows, CPU-seconds in all",
        ("cache", "measured", "bar"),
        [
            ("cold", f"{costs[0]:.1f}", "<= 25"),
            ("warm (each of 3)", ", ".join(f"{cost:.1f}" for cost in costs[1:]), "<= 8"),
        ],
    )


if __name__ == "__main__":
    main()
