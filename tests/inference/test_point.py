"""The point estimate: published optimum, exact recovery, and refusal to call a non-minimum one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scaling.errors import FitFailed
from scaling.inference.loss import pad_runs
from scaling.inference.point import point_estimate
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.laws.power import PowerLaw
from scaling.laws.power_compute import ComputePowerLaw
from scaling.laws.power_tokens import TokensPowerLaw
from scaling.observations import LossObservations
from scaling.units import SizeConvention
from tests.inference.simulated import grid, observations


@pytest.mark.parametrize(
    "law",
    [
        ChinchillaLaw(l_inf=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658),
        ChinchillaLaw(l_inf=1.2, a=50.0, alpha=0.2, b=3000.0, beta=0.45),
        PowerLaw(l_inf=1.7, n_0=1e7, alpha=0.33),
        TokensPowerLaw(l_inf=1.7, d_0=1e9, alpha=0.33),
        ComputePowerLaw(l_inf=1.8, c_0=1e18, alpha=0.15),
    ],
    ids=lambda law: law.name,
)
def test_noise_free_surfaces_give_their_coefficients_back(law):
    estimate = point_estimate(type(law), pad_runs(observations(law, *grid()))[0])
    for name, value in law.to_coefficients().items():
        assert float(getattr(estimate.law, name)) == pytest.approx(value, rel=1e-5)
    assert estimate.agreeing == estimate.starts


@pytest.mark.parametrize(
    ("dropped", "objective"),
    # Besiroglu et al. 2024, pure Huber optimum, sum over rows.
    [(5, 0.00101827402), (0, 0.00182601055)],
)
def test_the_published_minimum_on_chinchillas_data(measured_runs, dropped, objective):
    rows = pd.read_csv(measured_runs / "loss/chinchilla/svg_extracted_data.csv").sort_values("loss")
    rows = rows.iloc[: len(rows) - dropped]
    n = rows["Model Size"].to_numpy()
    runs = LossObservations(
        run=tuple(str(row) for row in rows.index),
        size=n,
        tokens=rows["Training FLOP"].to_numpy() / (6 * n),
        loss=rows["loss"].to_numpy(),
        size_convention=SizeConvention.UNSPECIFIED,
        validation_set="massive text",
    )
    estimate = point_estimate(ChinchillaLaw, pad_runs(runs)[0])
    assert estimate.objective == pytest.approx(objective, rel=1e-7)
    assert estimate.remaining < 1e-9
    assert estimate.moved > 0


def test_a_floor_that_the_runs_put_at_zero_is_refused():
    # A pure power of size, no floor: the least-squares floor is 0, a bound.
    n, d = grid()
    runs = observations(PowerLaw(l_inf=1e-12, n_0=1e9, alpha=0.1), n, d)
    runs = LossObservations(
        run=runs.run,
        size=runs.size,
        tokens=runs.tokens,
        loss=runs.loss * np.exp(-0.02 * (np.log(n) - np.log(n).mean()) ** 2),  # bends down: no floor explains it
        size_convention=runs.size_convention,
        validation_set=runs.validation_set,
    )
    with pytest.raises(FitFailed, match="on a bound"):
        point_estimate(PowerLaw, pad_runs(runs)[0])
