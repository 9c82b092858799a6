"""Our diagnostics are ArviZ's, on samples that mix and on samples that do not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from scaling.inference.diagnostics import bulk_ess, diagnose, gate_failures, rank_r_hat, tail_ess
from scaling.inference.settings import FitSettings


def chains(*, autocorrelation: float, shift: float = 0.0, heavy: bool = False) -> np.ndarray:
    rng = np.random.default_rng(4)
    noise = rng.standard_t(2, size=(4, 1000)) if heavy else rng.standard_normal((4, 1000))
    for step in range(1, 1000):
        noise[:, step] += autocorrelation * noise[:, step - 1]
    noise[0] += shift
    return noise


SAMPLES = {
    "independent": chains(autocorrelation=0.0),
    "autocorrelated": chains(autocorrelation=0.8),
    "one chain apart": chains(autocorrelation=0.5, shift=1.0),
    "heavy tails": chains(autocorrelation=0.3, heavy=True),
    "ties": np.round(chains(autocorrelation=0.5), 1),
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_three_agree_with_arviz(sample):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array_stats = pytest.importorskip("arviz_stats.base").array_stats
    axes = {"chain_axis": 0, "draw_axis": 1}
    assert rank_r_hat(sample) == pytest.approx(array_stats.rhat(sample, method="rank", **axes), abs=1e-6)
    # The two libraries truncate the autocorrelation sum one lag apart in some samples: under 1 %.
    assert bulk_ess(sample) == pytest.approx(array_stats.ess(sample, method="bulk", **axes), rel=0.01)
    # ArviZ interpolates its quantile differently: one draw more or less lies below it.
    tail = array_stats.ess(sample, method="tail", prob=(0.05, 0.95), **axes)
    assert tail_ess(sample) == pytest.approx(tail, rel=0.02)


def test_the_worst_coordinate_is_reported():
    good, bad = SAMPLES["independent"], SAMPLES["one chain apart"]
    still = np.zeros((4, 1000), dtype=bool)
    energy = np.random.default_rng(0).standard_normal((4, 1000))
    found = diagnose({"good": good, "bad": bad}, diverging=still, energy=energy)
    assert found.max_r_hat == pytest.approx(rank_r_hat(bad))
    assert found.min_bulk_ess == pytest.approx(bulk_ess(bad))
    # Independent energies: the BFMI of a Gaussian white noise is 2.
    assert found.min_energy == pytest.approx(2.0, abs=0.2)


def test_chains_that_do_not_move_fail_the_gate_and_make_no_nan():
    rng = np.random.default_rng(0)
    stuck = np.repeat(rng.standard_normal((4, 1)), 500, axis=1)
    found = diagnose({"x": stuck}, diverging=np.zeros((4, 500), dtype=bool), energy=np.zeros((4, 500)))
    assert found.max_r_hat > 1e6
    assert found.min_bulk_ess < 5
    assert found.min_tail_ess == found.min_energy == 0.0
    assert gate_failures(found, FitSettings())
