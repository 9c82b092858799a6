"""The one sentence that answers for a task."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling.posterior import OnsetPlace, ScorePosterior, Verdict
from scaling.units import format_count

if TYPE_CHECKING:
    from scaling.predict.emergence import EmergenceForecast

_WORTH_SAYING = 0.05  # a probability below this is left out of the sentence


def statement_of(forecast: EmergenceForecast, score: ScorePosterior) -> EmergenceForecast:
    """`forecast` with its sentence: what is claimed, what is not, and what the path makes of it."""
    sentence = _sentence(forecast, score)
    if not score.is_reliable:
        sentence += f"; unreliable: {score.effective_sample_size:.0f} effective draws, 50 needed"
    return replace(forecast, statement=sentence)


def _sentence(forecast: EmergenceForecast, score: ScorePosterior) -> str:  # noqa: PLR0911 - an answer each
    if forecast.verdict is Verdict.FALLS:
        fall = score.shape_probabilities["fall"]
        return f"no emergence: the score falls as the loss falls (probability {fall:.2f})"
    above_chance = float(np.median(score.floor_scores())) > score.chance + score.onset_points
    if forecast.onset_quantiles is None and (forecast.verdict is not Verdict.NOT_IDENTIFIED or above_chance):
        return (
            f"no onset to locate: the score is above chance ({score.chance:.2f}) from {score.highest_loss:.2f} down to "
            f"{score.lowest_loss:.2f} nats, and at no loss seen does it leave a floor"
        )
    if forecast.verdict is Verdict.NOT_IDENTIFIED or forecast.onset_quantiles is None or forecast.at_onset is None:
        return _not_identified(forecast, score)
    if forecast.verdict is Verdict.ALREADY_RISING:
        before = forecast.onset_place[OnsetPlace.BEFORE]
        return (
            f"already rising where the data begin, at {score.highest_loss:.2f} nats (probability {before:.2f} that the "
            f"onset lies above); {forecast.onset_points * 100:.0f} points above the floor before the smallest run"
        )
    onset = _interval(forecast.onset_quantiles, "{:.2f}")
    where = f"onset at {onset[0]} nats [{onset[1]}]; {_cost(forecast)} {forecast.path}"
    if forecast.p_never >= _WORTH_SAYING:
        where += f", never with probability {forecast.p_never:.2f}"
    if forecast.p_beyond_range >= _WORTH_SAYING:
        where += f", beyond {format_count(forecast.size_limit)} with probability {forecast.p_beyond_range:.2f}"
    if forecast.verdict is not Verdict.UNDECIDED:
        return where
    if score.runs_disagree:
        silent = f"{score.runs_silent} of the {score.runs_beyond} runs beyond it do not show it"
        return f"undecided: {silent}, so that loss alone does not decide; in the runs that do, {where}"
    return f"undecided: emergence has probability {forecast.p_emerged:.2f}; if it is one, {where}"


def _not_identified(forecast: EmergenceForecast, score: ScorePosterior) -> str:
    assert forecast.at_lowest_loss is not None
    middle = forecast.at_lowest_loss.size[len(forecast.levels) // 2]
    bound = f"beyond {format_count(middle)} parameters {forecast.path}" if np.isfinite(middle) else "at no size"
    fall, dip = (score.shape_probabilities.get(shape, 0.0) for shape in ("fall", "dip_then_rise"))
    floor = float(np.median(score.floor_scores()))
    seen = f"flat at {floor:.2f} (chance {score.chance:.2f})"
    if fall > 0.5:
        seen = f"falling with probability {fall:.2f}"
    elif dip > 0.5:
        seen = f"a dip below {floor:.2f} without a rise above it since"
    return (
        f"not identified yet: no emergence down to {score.lowest_loss:.2f} nats, {seen}; "
        f"an onset, if there is one, lies below {score.lowest_loss:.2f} nats, {bound}"
    )


def _cost(forecast: EmergenceForecast) -> str:
    assert forecast.at_onset is not None
    fixed_size = len({*forecast.at_onset.size} - {np.inf}) == 1
    values, unit = (forecast.at_onset.tokens, "tokens") if fixed_size else (forecast.at_onset.size, "parameters")
    middle, around = _interval(values, None)
    return f"{middle} {unit} [{around}]"


def _interval(values: tuple[float, ...], template: str | None) -> tuple[str, str]:
    """The middle quantile and the outer two as text."""
    text = [format_count(value) if template is None else template.format(value) for value in values]
    return text[len(text) // 2], f"{text[0]}, {text[-1]}"
