"""FLOP and size conventions against published networks, and the accelerator table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.compute import (
    ACCELERATORS,
    Shape,
    Utilisation,
    accelerator,
    attention_flops,
    nonembedding_size,
    realisable_shape,
    tokens_from_flops,
    training_flops,
)
from scaling.errors import InvalidInput, NotFound


def test_gpt3_costs_what_its_paper_says():
    # Brown et al. 2020, table D.1: 174.6e9 parameters, 300e9 tokens, 3.14e23 FLOPs.
    assert training_flops(174.6e9, 300e9) == pytest.approx(3.14e23, rel=0.002)


def test_gpt3_has_the_size_of_its_shape():
    # 96 layers of width 12,288 (Brown et al. 2020, table 2.1): 174 B without embeddings.
    assert nonembedding_size(layers=96, width=12288) == pytest.approx(173.9e9, rel=0.001)


def test_attention_is_a_few_percent_of_gpt3():
    # At context 2,048, s / (12 w) of 6 N D once the causal half is taken: 1.4 %.
    share = attention_flops(1.0, layers=96, width=12288, context=2048) / training_flops(173.9e9, 1.0)
    assert share == pytest.approx(2048 / (12 * 12288), rel=1e-3)


@given(n=st.floats(1e3, 1e13), c=st.floats(1e12, 1e28))
def test_tokens_from_flops_inverts_training_flops(n, c):
    assert training_flops(n, tokens_from_flops(c, n)) == pytest.approx(c, rel=1e-12)


@given(st.floats(2e4, 2e12))
def test_realisable_shapes_are_near_and_usual(size):
    shape = realisable_shape(size)
    assert shape.nonembedding_size == pytest.approx(size, rel=0.12 if size < 1e6 else 0.03)
    assert 12 <= shape.width / shape.layers <= 300


def test_realisable_shape_of_a_published_size_is_that_size():
    # Pythia-1.4B: 24 layers of width 2,048 (Biderman et al. 2023, table 1).
    size = Shape(24, 2048).nonembedding_size
    assert realisable_shape(size).nonembedding_size == pytest.approx(size, rel=0.01)


def test_a_size_below_one_block_is_refused():
    with pytest.raises(InvalidInput, match="fewer than the smallest"):
        realisable_shape(500)


def test_utilisation_has_the_median_and_interval_it_states():
    draws = Utilisation(0.4, 0.15).draws(200_000, rng=np.random.default_rng(1))
    # Monte Carlo error of these quantiles is below .001 at 200,000 draws.
    assert np.quantile(draws, [0.05, 0.5, 0.95]) == pytest.approx([0.306, 0.4, 0.502], abs=0.003)
    assert Utilisation(0.4, 0.0).draws(3, rng=np.random.default_rng(1)) == pytest.approx([0.4] * 3)


@pytest.mark.parametrize("median", [0.0, 1.0, 40.0, float("nan")])
def test_utilisation_in_percent_is_refused(median):
    with pytest.raises(InvalidInput, match="a share between 0 and 1"):
        Utilisation(median)


def test_every_accelerator_states_its_sources():
    for name, entry in ACCELERATORS.items():
        assert entry.name == name
        assert 1e14 < entry.peak_flops_per_second < 1e16
        assert entry.peak_source
        assert (entry.price_per_hour_usd is None) == (entry.price_source is None)
    with pytest.raises(NotFound, match="h100"):
        accelerator("h1000")
