from dataclasses import replace

import numpy as np
import pytest

from scaling.errors import CorruptStore
from scaling.links import link_class
from scaling.posterior import OnsetPlace, ScorePosterior, ShapeDraws, Verdict


def posterior(*, threshold: int = 600, flat: int = 400, p_emerged: float = 0.6, eta: float = 3.3) -> ScorePosterior:
    """Draws of a threshold at `eta` (a straight hinge of 1 point per .01 nats at first) and of a flat score."""
    count = threshold + flat
    rng = np.random.default_rng(1)
    order = rng.permutation(count)
    first, second = np.sort(order[:threshold]), np.sort(order[threshold:])
    hinge = link_class("threshold")(
        floor=np.full(threshold, 0.25),
        rise=np.full(threshold, 0.9),
        eta=eta + 0.01 * rng.standard_normal(threshold),
        width=np.full(threshold, 0.9),
        power=np.ones(threshold),
    )
    constant = link_class("constant")(floor=np.full(flat, 0.26))
    onset, etas = np.full(count, -np.inf), np.full(count, np.nan)
    onset[first], etas[first] = hinge.loss_at_lift(np.full(threshold, 0.03)), hinge.eta
    return ScorePosterior(
        task="copy",
        metric="exact_match",
        chance=0.25,
        item_count=500.0,
        lowest_loss=2.8,
        highest_loss=4.0,
        run_count=3,
        components=(ShapeDraws("threshold", hinge, first), ShapeDraws("flat", constant, second)),
        onset=onset,
        eta=etas,
        loss_shift_scale=np.full(count, 0.02),
        logit_scale=np.full(count, 0.1),
        shape_probabilities={"threshold": threshold / count, "flat": flat / count},
        p_emerged=p_emerged,
        log_evidence={"threshold": 1.0, "flat": 0.5},
        effective_sample_size=400.0,
    )


def test_scores_follow_each_draws_own_form():
    given = posterior()
    axis = np.linspace(0.1, 6.0, 50)
    score = given.score_at(axis)
    assert score.shape == (1000, 50)
    assert (score >= 0).all()
    assert (score <= 1).all()
    hinge, flat = given.components
    assert np.all(score[flat.draws] == 0.26)
    assert np.all(np.diff(score[hinge.draws], axis=1) <= 0)
    assert score[hinge.draws, 0] == pytest.approx(1.0, abs=0.02)  # .25 + .9 is kept at 1
    # Its own loss for each draw: at the onset every draw that has one is 3 points above its floor.
    at_onset = given.score_at(np.where(np.isfinite(given.onset), given.onset, 3.0)[:, None])[:, 0]
    assert at_onset[hinge.draws] - given.floor_scores()[hinge.draws] == pytest.approx(0.03, abs=1e-9)
    assert given.score_at(3.0).shape == (1000,)


def test_the_places_of_the_onset_sum_to_one():
    place = posterior().onset_place
    assert sum(place.values()) == pytest.approx(1.0, abs=1e-12)
    assert place[OnsetPlace.INSIDE] == pytest.approx(0.6)
    assert posterior(eta=4.3).onset_place[OnsetPlace.BEFORE] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        ({"threshold": 999, "flat": 1, "p_emerged": 0.96}, Verdict.EMERGED),
        ({"threshold": 999, "flat": 1, "p_emerged": 0.96, "eta": 4.5}, Verdict.ALREADY_RISING),
        ({"threshold": 999, "flat": 1, "p_emerged": 0.94}, Verdict.UNDECIDED),
        ({"threshold": 100, "flat": 900, "p_emerged": 0.1}, Verdict.NOT_IDENTIFIED),
    ],
)
def test_nothing_is_claimed_below_95_percent(settings, verdict):
    given = posterior(**settings)
    assert given.verdict is verdict
    assert given.not_identified_below == (2.8 if verdict is Verdict.NOT_IDENTIFIED else None)


def test_a_new_runs_onset_scatters_more_and_stays_never():
    given = posterior()
    new = given.new_run_onset(rng=np.random.default_rng(0))
    there = np.isfinite(given.onset)
    assert np.isneginf(new[~there]).all()
    # Variances add: .01 nats of the parameter and .02 between runs; 600 draws give 3 % error on a standard deviation.
    assert new[there].std() == pytest.approx(np.hypot(given.onset[there].std(), 0.02), rel=0.1)


def test_a_new_runs_score_scatters_by_runs_logit_and_items():
    given = posterior()
    flat = given.components[1].draws
    score = given.new_run_score_at(np.full((1000, 1), 3.5), rng=np.random.default_rng(0))[flat, 0]
    # At .26: .1 of the logit is .1 p (1 - p), 500 items give sqrt(p (1 - p) / 500); 400 draws leave 4 % error.
    assert score.std() == pytest.approx(np.hypot(0.1 * 0.26 * 0.74, np.sqrt(0.26 * 0.74 / 500)), rel=0.15)
    assert np.all(np.abs(score * 500 - np.round(score * 500)) < 1e-9)


def test_a_document_reads_back_the_same():
    given = posterior()
    attributes, arrays = given.to_document()
    again = ScorePosterior.from_document(attributes, arrays)
    axis = np.linspace(2.0, 5.0, 30)
    assert np.array_equal(again.score_at(axis), given.score_at(axis))
    assert again.verdict is given.verdict
    assert again.shape_probabilities == given.shape_probabilities
    del arrays["onset"]
    with pytest.raises(CorruptStore, match="onset"):
        ScorePosterior.from_document(attributes, arrays)


@pytest.mark.parametrize(
    ("beyond", "silent", "verdict"),
    [(0, 0, Verdict.EMERGED), (2, 2, Verdict.EMERGED), (6, 2, Verdict.EMERGED), (4, 2, Verdict.UNDECIDED)],
)
def test_no_claim_where_half_of_the_runs_beyond_the_onset_do_not_show_it(beyond, silent, verdict):
    claimed = posterior(threshold=1000, flat=0, p_emerged=0.99)
    assert replace(claimed, runs_beyond=beyond, runs_silent=silent).verdict is verdict
