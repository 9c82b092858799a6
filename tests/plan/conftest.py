"""A posterior with known coefficients: what plans are tested against."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.laws import law_class
from scaling.posterior import Fit, FormError, Hull, LossPosterior, form_axes
from scaling.units import SizeConvention

AXES = form_axes(law_class("chinchilla"), np.asarray([5e7, 7e9]), np.asarray([2e8, 3e11]), {})
# Besiroglu et al. 2024, table 1.
BESIROGLU = {"l_inf": 1.8172, "a": 482.01, "alpha": 0.3478, "b": 2085.43, "beta": 0.3658}


def make_fit(*, draws: int = 400, spread: float = 0.02, convention=SizeConvention.UNSPECIFIED, discrepancy=0.01) -> Fit:
    rng = np.random.default_rng(7)
    jitter = {name: np.exp(spread * rng.standard_normal(draws)) for name in ("alpha", "beta")}
    law = law_class("chinchilla")(
        l_inf=np.full(draws, BESIROGLU["l_inf"]),
        a=np.full(draws, BESIROGLU["a"]),
        alpha=BESIROGLU["alpha"] * jitter["alpha"],
        b=np.full(draws, BESIROGLU["b"]),
        beta=BESIROGLU["beta"] * jitter["beta"],
    )
    loss = LossPosterior(
        law=law,
        noise_scale=np.full(draws, 0.005),
        run_scale=np.zeros(draws),
        form_error=FormError.beyond_only(AXES, np.full(draws, discrepancy / np.sqrt(2)), rng=rng),
        hull=Hull(smallest_size=5e7, largest_size=1.6e10, fewest_tokens=2e8, most_tokens=3e11, largest_product=2e21),
        size_convention=convention,
        validation_set="massive-text",
    )
    return Fit(name="besiroglu-like", loss=loss)


@pytest.fixture(name="make_fit")
def fit_maker():
    return make_fit


@pytest.fixture
def known_fit():
    return make_fit()


@pytest.fixture
def published_fit():
    return make_fit(draws=1, spread=0.0, discrepancy=0.0)
