"""A stored fit as a message says what the document says."""

from __future__ import annotations

import pytest

from scaling.store import reference_store
from scaling_server.convert.fits import reference_fit_proto
from scaling_server.names import FitName


def test_the_back_test_comes_with_the_fit():
    document = reference_store().document("ladder-cpu")
    message = reference_fit_proto(document, name=FitName("ladder-cpu"))
    assert len(message.backtest) == len(document.backtest) > 0
    for sent, kept in zip(message.backtest, document.backtest, strict=True):
        assert sent.forecast_count == kept.forecasts
        assert sent.cover == pytest.approx(kept.cover)
        assert sent.factor_at_most == kept.factor_at_most


def test_a_published_fit_has_none():
    document = reference_store().document("besiroglu-2024")
    assert not reference_fit_proto(document, name=FitName("besiroglu-2024")).backtest
