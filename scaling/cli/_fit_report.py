"""What is said about a fit, new or stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaling.cli._backtest import backtest_facts, write_backtest
from scaling.cli._options import fit_facts
from scaling.cli._output import note, number_interval, write_json, write_line, write_table

if TYPE_CHECKING:
    from scaling.posterior import Fit


def evidence_facts(fit: Fit) -> dict[str, Any]:
    """Back-test, leverage, prior sensitivity and each row's outlier probability, for JSON."""
    observed = fit.observed
    probability = observed.get("outlier_probability", ())
    return {
        "backtest": backtest_facts(fit.backtest),
        "leverage": [each.model_dump(mode="json") for each in fit.leverage],
        "prior_sensitivity": [
            {**each.model_dump(mode="json"), "factor": each.factor} for each in fit.prior_sensitivity
        ],
        "outlier_probability": [
            {"row": row + 1, "run": str(run), "probability": float(each)}
            for row, (run, each) in enumerate(zip(observed.get("run", ()), probability, strict=False))
        ],
    }


def report_fit(made: Fit, *, as_json: bool) -> None:
    """Coefficients, convergence, back-test, tasks and findings of a new fit: tables, or JSON with all evidence."""
    import numpy as np

    from scaling.posterior import FindingCode

    coefficients = {
        name: np.quantile(values, (0.05, 0.5, 0.95)) for name, values in made.loss.law.to_coefficients().items()
    }
    diagnostics = made.diagnostics.model_dump() if made.diagnostics else None
    if as_json:
        document: dict[str, Any] = {
            "fit": fit_facts(made),
            "levels": [0.05, 0.5, 0.95],
            "coefficients": coefficients,
            "diagnostics": diagnostics,
            **evidence_facts(made),
            "tasks": {
                task: {"verdict": str(score.verdict), "emerged_probability": score.p_emerged}
                for task, score in made.scores.items()
            },
            "findings": [finding.model_dump(mode="json") for finding in made.findings],
        }
        write_json(document)
        return
    specs = {spec.name: spec for spec in made.loss.law.coefficients}
    rows = [
        (f"{name} ({specs[name].meaning})", specs[name].unit, _significant(values))
        for name, values in coefficients.items()
    ]
    write_table(f"{made.name}: {made.loss.law.formula}", ("coefficient", "unit", "median [90 % interval]"), rows)
    if diagnostics:
        write_line(
            f"R-hat {diagnostics['max_r_hat']:.4f}, bulk ESS {diagnostics['min_bulk_ess']:.0f}, "
            f"divergences {diagnostics['divergences']}."
        )
    if made.backtest:
        write_backtest("Back-test: larger runs forecast from the smaller ones, by compute", made.backtest)
    if made.scores:
        rows = [
            (task, str(score.verdict).replace("_", " "), number_interval([score.p_emerged], digits=2))
            for task, score in made.scores.items()
        ]
        write_table("Tasks", ("task", "verdict", "P(emerged)"), rows)
    for finding in made.findings:
        if finding.code is not FindingCode.DATA_QUALITY:  # said before the fit
            note(f"Finding: {finding.message}")


def _significant(values: Any) -> str:
    low, middle, high = (f"{float(value):.5g}" for value in values)
    return f"{middle} [{low}, {high}]"
