"""The ladder's own back-test: every rung forecast from the smaller ones, over seeds and checkpoints.

Run: python -m benchmarks.rung_forecast
"""

from __future__ import annotations

import numpy as np

from benchmarks._report import print_table
from scaling.backtest import forecast_rungs
from scaling.observations import read_loss_observations
from scaling.observations.selection import after_early_training
from scaling.store import reference_store
from scaling.store.recipe import FitRecipe, read_recipe


def main() -> None:
    folder = reference_store().root / "ladder-cpu"
    recipe = read_recipe(folder)
    assert isinstance(recipe, FitRecipe)
    rows = read_loss_observations(folder / recipe.losses.file, **recipe.losses.reading())
    rows = rows.select(after_early_training(rows, share=recipe.drop_first))
    test = forecast_rungs(rows, law=recipe.law, settings=recipe.settings)
    table = []
    for size in np.unique(test.size):
        rung = test.select(test.size == size)
        last = rung.select(rung.tokens == rung.tokens.max())
        table.append(
            (
                f"{size:,.0f}",
                len(rung.run),
                f"{100 * last.mean_relative_error:.2f}",
                f"{100 * rung.mean_relative_error:.2f}",
                f"{rung.cover:.2f}",
                f"{100 * rung.mean_width:.1f}",
            )
        )
    table.append(
        (
            "pooled",
            len(test.run),
            "",
            f"{100 * test.mean_relative_error:.2f}",
            f"{test.cover:.2f}",
            f"{100 * test.mean_width:.1f}",
        )
    )
    print_table(
        "ladder-cpu, each rung from the smaller ones (bars: largest rung <= 2 %; cover .80-.98; width <= 5 %)",
        ("size", "rows", "final error %", "error %", "cover of 90 %", "width %"),
        table,
    )
    missed = test.select(~test.held)
    print_table(
        "every miss",
        ("run", "tokens", "observed", "interval", "e-folds beyond"),
        [
            (
                missed.run[row],
                f"{missed.tokens[row]:.4g}",
                f"{missed.observed[row]:.4f}",
                f"{missed.low[row]:.4f}-{missed.high[row]:.4f}",
                f"{missed.distance[row]:.2f}",
            )
            for row in range(len(missed.run))
        ],
    )


if __name__ == "__main__":
    main()
