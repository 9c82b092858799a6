"""Posteriors as arrays, evaluated under NumPy: what a fit's document holds and a query reads."""

from scaling.posterior._annealing import SMALLEST_CURVE_NOISE, WARM_POWER, AnnealingPosterior, KnownCurve
from scaling.posterior._backtest import FACTOR_BOUNDS, Backtest, BacktestSummary, crps_of_draws
from scaling.posterior._curve import CurvePosterior
from scaling.posterior._evidence import Answer, AnswerName, AnswerShift, PriorShift, RunLeverage, WidenedPrior
from scaling.posterior._fit import QUERY_DRAWS, Finding, FindingCode, Fit, SampleDiagnostics
from scaling.posterior._form_error import KNOTS, Axis, FormError, axis_places, form_axes, knot_weights, walk_steps
from scaling.posterior._hull import Hull
from scaling.posterior._loss import CALIBRATED_E_FOLDS, NOISE_DEGREES_OF_FREEDOM, LossPosterior
from scaling.posterior._score import OnsetPlace, ScorePosterior, ShapeDraws, Verdict

__all__ = [
    "CALIBRATED_E_FOLDS",
    "FACTOR_BOUNDS",
    "KNOTS",
    "NOISE_DEGREES_OF_FREEDOM",
    "QUERY_DRAWS",
    "SMALLEST_CURVE_NOISE",
    "WARM_POWER",
    "AnnealingPosterior",
    "Answer",
    "AnswerName",
    "AnswerShift",
    "Axis",
    "Backtest",
    "BacktestSummary",
    "CurvePosterior",
    "Finding",
    "FindingCode",
    "Fit",
    "FormError",
    "Hull",
    "KnownCurve",
    "LossPosterior",
    "OnsetPlace",
    "PriorShift",
    "RunLeverage",
    "SampleDiagnostics",
    "ScorePosterior",
    "ShapeDraws",
    "Verdict",
    "WidenedPrior",
    "axis_places",
    "crps_of_draws",
    "form_axes",
    "knot_weights",
    "walk_steps",
]
