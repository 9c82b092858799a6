"""Figures show what the posteriors say, where they say it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from scaling.emergence import FixedRatio
from scaling.errors import InvalidInput, StoreUnavailable, Unanswerable
from scaling.estimators import IsoflopSettings, isoflop_frontier
from scaling.figures import draw_backtest, draw_emergence, draw_frontier, draw_loss_law, draw_score_against_loss
from scaling.laws import law_class
from scaling.observations import ScoreObservations
from scaling.posterior import Fit, FormError, Hull, LossPosterior
from scaling.units import SizeConvention
from tests.estimators.designs import isoflop_runs
from tests.posterior.test_score import posterior as score_posterior
from tests.test_backtest import by_hand
from tests.test_emergence import posterior as loss_posterior

EMERGED = {"threshold": 999, "flat": 1, "p_emerged": 0.97, "eta": 3.3}
FLAT = {"threshold": 30, "flat": 970, "p_emerged": 0.02, "eta": 2.3}


def a_fit(**settings) -> Fit:
    return Fit(name="a-fit", loss=loss_posterior(), scores={"copy": score_posterior(**(settings or EMERGED))})


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures that were saved."""
    figures = []
    saved = Figure.savefig

    def keep(figure, *args, **kwargs):
        figures.append(figure)
        saved(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def band(axes, label: str) -> tuple[float, float]:
    """Where a shaded span starts and ends."""
    (found,) = [patch for patch in axes.patches if patch.get_label() == label]
    return found.get_x(), found.get_x() + found.get_width()


def test_the_onset_band_lies_at_the_onsets_quantiles(tmp_path, drawn):
    fit = a_fit()
    draw_score_against_loss(fit, "copy", tmp_path / "score.png")
    axes = drawn[0].axes[0]
    onset = fit.scores["copy"].onset
    assert band(axes, "onset, 90 %") == pytest.approx(np.quantile(onset[np.isfinite(onset)], (0.05, 0.95)))
    assert axes.xaxis_inverted()  # training goes to the right


def test_no_onset_band_is_drawn_where_none_is_identified(tmp_path, drawn):
    draw_score_against_loss(a_fit(**FLAT), "copy", tmp_path / "score.png")
    assert not [patch for patch in drawn[0].axes[0].patches if patch.get_label() == "onset, 90 %"]


def test_checkpoints_lie_under_the_curve_they_were_fitted_to(tmp_path, drawn):
    one = np.ones(2)
    observed = ScoreObservations(
        run=("a", "b"),
        size=[1e8, 1e9],
        tokens=1e10 * one,
        loss=[3.5, 3.0],
        task=("copy", "copy"),
        metric=("exact_match",) * 2,
        score=[0.25, 0.5],
        item_count=500 * one,
        chance=0.25 * one,
    )
    draw_score_against_loss(a_fit(), "copy", tmp_path / "score.svg", observed=observed)
    points = next(dots for dots in drawn[0].axes[0].collections if dots.get_label() == "checkpoints")
    assert points.get_offsets().tolist() == [[3.5, 0.25], [3.0, 0.5]]


def test_the_forecast_rises_with_size_through_its_own_interval(tmp_path, drawn):
    fit = a_fit()
    draw_emergence(fit, "copy", FixedRatio(20.0), tmp_path / "emergence.pdf", measured={"size": [1e9], "score": [0.6]})
    upper, lower = drawn[0].axes
    (probability,) = [line for line in lower.lines if line.get_label() == "P(emerged)"]
    low, high = band(upper, "N*, 90 %")
    sizes, chances = probability.get_xdata(), probability.get_ydata()
    assert np.interp(np.log([low, high]), np.log(sizes), chances) == pytest.approx([0.05, 0.95], abs=0.05)
    assert upper.get_xscale() == "log"


def test_the_law_is_drawn_with_its_runs_and_a_plan(tmp_path, drawn):
    fit = Fit(
        name="a-fit",
        loss=loss_posterior(),
        observed={"size": np.array([1e8, 1e9]), "tokens": np.array([2e9, 2e10]), "loss": np.array([3.3, 2.7])},
    )
    draw_loss_law(fit, tmp_path / "law.png", planned=(np.array([7e9]), np.array([1.4e11])))
    axes = drawn[0].axes[0]
    runs = axes.collections[0].get_offsets()
    assert np.asarray(runs)[:, 0] == pytest.approx([6 * 1e8 * 2e9, 6 * 1e9 * 2e10])
    assert axes.get_xlim()[1] > 6 * 7e9 * 1.4e11


def test_what_cannot_be_drawn_is_said(tmp_path):
    one = np.ones(1)
    power = LossPosterior(
        law=law_class("power")(l_inf=one, n_0=1e8 * one, alpha=0.3 * one),
        noise_scale=one,
        run_scale=0 * one,
        form_error=FormError.none(1),
        hull=Hull.of(np.array([1e8]), np.array([1e9]), variables=("n",)),
        size_convention=SizeConvention.TOTAL,
        validation_set="c4",
    )
    with pytest.raises(Unanswerable, match="no runs to draw"):
        draw_loss_law(Fit(name="power", loss=power), tmp_path / "law.png")
    with pytest.raises(InvalidInput, match=r"must end in \.png"):
        draw_loss_law(a_fit(), tmp_path / "law.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        draw_loss_law(a_fit(), tmp_path / "file" / "law.png")


def test_the_back_test_figure_holds_every_forecast_and_marks_those_that_missed(tmp_path, drawn):
    test = by_hand()
    draw_backtest(test, tmp_path / "test.png")
    axes = drawn[0].axes[0]
    points = {line.get_label(): line.get_ydata() for line in axes.lines if line.get_label() in ("held", "missed")}
    assert points["held"] == pytest.approx([1.0])
    assert points["missed"] == pytest.approx([1.1])
    assert axes.get_xscale() == "log"


def test_the_frontier_figure_stars_the_minima_and_draws_the_power_law_through_them(tmp_path, drawn):
    runs = isoflop_runs(sizes=7, noise=0.003)
    estimate = isoflop_frontier(runs, settings=IsoflopSettings(draws=100))
    draw_frontier(estimate, runs, tmp_path / "frontier.svg")
    left, right = drawn[0].axes[:2]
    (stars,) = [line for line in left.lines if line.get_label() == "lowest loss"]
    assert stars.get_xdata() == pytest.approx([each.size for each in estimate.minima])
    assert len(left.lines) == 1 + len(estimate.curves)
    (law,) = [line for line in right.lines if line.get_label() == f"N* ~ C^{estimate.exponent:.3f}"]
    slope = np.polyfit(np.log(law.get_xdata()), np.log(law.get_ydata()), 1)[0]
    assert slope == pytest.approx(estimate.exponent, rel=1e-9)
