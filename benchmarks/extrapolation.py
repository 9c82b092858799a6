"""Do the intervals hold on real runs, beyond the data? Cover, width and error on published runs, by split.

Run: python -m benchmarks.extrapolation
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks._measured import chinchilla_runs, measured_folder
from benchmarks._report import print_table
from scaling.backtest import forecast_held_out
from scaling.compute import training_flops
from scaling.inference.settings import FitSettings
from scaling.observations import LossObservations


def splits() -> Iterator[tuple[str, LossObservations, np.ndarray]]:
    """Name, rows used, and which of them are held out."""
    runs = chinchilla_runs()
    compute = training_flops(runs.size, runs.tokens)
    for cut in (3e19, 1e20, 3e20, 9e20):
        used = (compute < cut) | (compute >= 1e21)
        yield f"Chinchilla, C < {cut:.0e} -> C >= 1e21", runs.select(used), compute[used] >= 1e21
    columns = {"run": "run_name", "size": "params_active_precise", "loss": "final_loss"}
    for file, axis, cut in (("hot", "size", 9e8), ("hot_100bplus", "tokens", 1.001e11)):
        frame = pd.read_csv(measured_folder() / f"loss/gemstones/{file}.csv")
        rows = LossObservations.from_frame(frame, columns=columns)
        beyond = rows.size >= cut if axis == "size" else rows.tokens > cut
        yield f"Gemstones {file}, {axis} {'<' if axis == 'size' else '<='} {cut:.3g} -> larger", rows, beyond


def main() -> None:
    rows = []
    for name, runs, held_out in splits():
        plain = forecast_held_out(runs, held_out, settings=FitSettings(discrepancy_scale=0.0))
        ours = forecast_held_out(runs, held_out)
        for label, test in (("law alone", plain), ("with discrepancy", ours)):
            rows.append(
                (
                    f"{name} ({np.sum(~held_out)}/{np.sum(held_out)})",
                    label,
                    f"{100 * test.mean_relative_error:.2f}",
                    f"{test.cover:.2f}",
                    f"{100 * test.mean_width:.1f}",
                    f"{100 * test.interval_score:.1f}",
                )
            )
    print_table(
        "Chinchilla's law on held-out larger runs, nominal 90 %",
        ("split (train/test)", "forecast", "error %", "cover", "width %", "interval score x100"),
        rows,
    )


if __name__ == "__main__":
    main()
