"""Hours, days and money against published training runs."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.compute import Utilisation, accelerator
from scaling.errors import InvalidInput
from scaling.plan import Hardware, cost_of


def test_llama_3_took_about_the_hours_meta_reports():
    # Llama 3.1 405B: 3.8e25 FLOPs (arXiv:2407.21783, section 3.2) in 30.84 M H100 hours (model card) at .38-.43.
    hardware = Hardware(accelerator("h100"), count=16_000, utilisation=Utilisation(0.38, 0.2))
    cost = cost_of(3.8e25, hardware)
    assert cost.accelerator_hours[0] < 30.84e6 < cost.accelerator_hours[2]
    assert cost.days == pytest.approx(cost.accelerator_hours / 16_000 / 24)


def test_exact_utilisation_gives_exact_hours_and_money():
    hardware = Hardware(
        accelerator("h100"), utilisation=Utilisation(0.5, 0.0), peak_flops_per_second=1e15, price_per_hour_usd=2.0
    )
    cost = cost_of(3600 * 5e14, hardware)
    assert cost.accelerator_hours == pytest.approx([1.0] * 3)
    assert cost.usd == pytest.approx([2.0] * 3)


def test_uncertain_flops_widen_the_cost():
    hardware = Hardware(accelerator("h100"))
    certain = cost_of(1e22, hardware)
    uncertain = cost_of(1e22 * np.exp(np.random.default_rng(0).standard_normal(4000)), hardware)
    assert uncertain.accelerator_hours[2] / uncertain.accelerator_hours[0] > 5
    assert certain.accelerator_hours[2] / certain.accelerator_hours[0] < 2


def test_never_costs_infinitely_much():
    cost = cost_of(np.array([1e22] * 60 + [np.inf] * 40), Hardware(accelerator("h100")), levels=(0.05, 0.5, 0.95))
    assert np.isfinite(cost.accelerator_hours[1])
    assert np.isinf(cost.accelerator_hours[2])


def test_an_unknown_price_gives_no_money():
    assert cost_of(1e22, Hardware(accelerator("tpu-v5p"))).usd is None
    assert cost_of(1e22, Hardware(accelerator("tpu-v5p"), price_per_hour_usd=4.2)).usd is not None


def test_faults_of_the_hardware_are_listed_together():
    with pytest.raises(InvalidInput) as raised:
        Hardware(accelerator("h100"), count=0, peak_flops_per_second=-1.0, price_per_hour_usd=float("nan"))
    assert [violation.field for violation in raised.value.violations] == [
        "count",
        "peak_flops_per_second",
        "price_per_hour_usd",
    ]
    with pytest.raises(InvalidInput, match="FLOPs above zero"):
        cost_of(0.0, Hardware(accelerator("h100")))
