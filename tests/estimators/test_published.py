"""Fifteen published IsoFLOP set-ups, one setting for all."""

from __future__ import annotations

import pandas as pd
import pytest

from scaling.estimators import IsoflopSettings, isoflop_frontier
from scaling.observations import LossObservations

SETUP = ["dataset", "hparams", "warmup", "decay", "param_count", "val"]


@pytest.mark.parametrize("noise", [None, 0.005], ids=["noise estimated", "noise of Porian et al."])
def test_the_exponent_lies_in_the_published_interval_of_every_setup(measured_runs, noise):
    # Porian et al. 2024: 95 % intervals of the exponent of N*(C).
    published = pd.read_csv(measured_runs / "loss/porian/published_fits.csv").set_index(SETUP)
    points = pd.read_csv(measured_runs / "loss/porian/isoflop_points.csv")
    outside = []
    for setup, group in points.groupby(SETUP):
        runs = LossObservations.from_frame(
            group[["n_params", "t_tokens", "loss"]], columns={"size": "n_params", "tokens": "t_tokens"}
        )
        exponent = isoflop_frontier(runs, settings=IsoflopSettings(noise_nats=noise)).exponent
        low, high = published.loc[setup, ["a_lo95", "a_hi95"]]
        if not low <= exponent <= high:
            outside.append((setup, exponent, low, high))
    assert len(published) == 15
    assert outside == []
