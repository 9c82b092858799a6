"""Published measurements that benchmarks are run on (setting SCALING_DATA; never part of the repository)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd

from scaling.observations import LossObservations


def measured_folder() -> Path:
    root = Path(os.environ.get("SCALING_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        sys.exit(f"No measured runs at {root}: set SCALING_DATA to their folder.")
    return root


def chinchilla_runs(*, dropped: int = 5) -> LossObservations:
    """Besiroglu et al. 2024: 245 points off figure 4 of Hoffmann et al. 2022, less the `dropped` highest losses."""
    rows = pd.read_csv(measured_folder() / "loss/chinchilla/svg_extracted_data.csv").sort_values("loss")
    return LossObservations.from_frame(
        rows.iloc[: len(rows) - dropped],
        columns={"size": "Model Size", "compute": "Training FLOP"},
        tokens_from_compute=True,
        validation_set="MassiveText",
    )
