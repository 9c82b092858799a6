"""Posteriors as arrays, evaluated under NumPy: what a fit's document holds and a query reads."""

from scaling.posterior._curve import CurvePosterior
from scaling.posterior._fit import QUERY_DRAWS, Finding, FindingCode, Fit, SampleDiagnostics
from scaling.posterior._hull import Hull
from scaling.posterior._loss import CALIBRATED_E_FOLDS, NOISE_DEGREES_OF_FREEDOM, LossPosterior
from scaling.posterior._score import OnsetPlace, ScorePosterior, ShapeDraws, Verdict

__all__ = [
    "CALIBRATED_E_FOLDS",
    "NOISE_DEGREES_OF_FREEDOM",
    "QUERY_DRAWS",
    "CurvePosterior",
    "Finding",
    "FindingCode",
    "Fit",
    "Hull",
    "LossPosterior",
    "OnsetPlace",
    "SampleDiagnostics",
    "ScorePosterior",
    "ShapeDraws",
    "Verdict",
]
