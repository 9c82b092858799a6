"""Luo et al.'s constants give Luo et al.'s errors on their own curves."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from scaling.curves import Schedule, nodes_at
from scaling.curves.published import LUO_2025
from scaling.curves.schedule import constant, cosine, two_stage, warmup_stable_decay

MEASURED = Path(os.environ.get("SCALING_DATA", Path(__file__).parents[3] / "shared" / "data")) / "loss/multipowerlaw"
PEAK, FINAL, WARMUP = 3e-4, 3e-5, 2160
HELD_OUT = {
    "constant_72000": constant(72000, PEAK, warmup=WARMUP),
    "cosine_72000": cosine(72000, PEAK, final=FINAL, warmup=WARMUP),
    "wsd_20000_24000": warmup_stable_decay(24000, PEAK, decay_from=20000, final=FINAL, exponential=True, warmup=WARMUP),
    "wsdld_20000_24000": warmup_stable_decay(24000, PEAK, decay_from=20000, final=FINAL, warmup=WARMUP),
    "wsdcon_3": two_stage(16000, PEAK, second=3e-5, switch=8000, warmup=WARMUP),
    "wsdcon_18": two_stage(16000, PEAK, second=1.8e-4, switch=8000, warmup=WARMUP),
}


# Mean over the six schedules of each one's mean and worst error, per cent, as the released table has them (PredE,
# WorstE); .005 of a per cent is what its last digit leaves open.
@pytest.mark.slow  # some 5 CPU-seconds a size
@pytest.mark.skipif(not MEASURED.is_dir(), reason="no measured curves (SCALING_DATA)")
@pytest.mark.parametrize(
    ("size", "mean", "worst"), [("25M", 0.110, 0.409), ("100M", 0.142, 0.583), ("400M", 0.168, 0.995)]
)
def test_published_constants_give_the_published_errors(size, mean, worst):
    errors = []
    for name, schedule in HELD_OUT.items():
        with (MEASURED / f"{size}_{name}.csv").open() as file:
            rows = [(int(row["step"]), float(row["lr"]), float(row["loss"])) for row in csv.DictReader(file)]
        step, rate, loss = (np.asarray(column) for column in zip(*rows, strict=True))
        assert schedule.rates[step] == pytest.approx(rate, rel=1e-6)
        forecast = LUO_2025[size].loss(nodes_at(Schedule(schedule.rates), step))
        errors.append(100 * np.abs(forecast / loss - 1))
    assert np.mean([error.mean() for error in errors]) == pytest.approx(mean, abs=5e-3)
    assert np.mean([error.max() for error in errors]) == pytest.approx(worst, abs=5e-3)
