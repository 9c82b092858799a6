"""`scaling frontier`: the compute-optimal size and tokens without a law of the loss."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._options import (
    BytesPerToken,
    ColumnsText,
    Convention,
    FromCompute,
    Json,
    Plot,
    Unit,
    ValidationSet,
    read_counts,
)
from scaling.cli._output import (
    count_interval,
    keep_programs,
    note,
    number_interval,
    write_json,
    write_line,
    write_table,
)
from scaling.errors import InvalidInput
from scaling.estimators.frontier import Estimator
from scaling.observations import LossObservations, noticed, parse_columns
from scaling.observations._tables import table_from_file, table_from_text
from scaling.observations.reading import Reading, losses_from_table
from scaling.units import format_count, format_flops

if TYPE_CHECKING:
    from scaling.estimators import FrontierEstimate

app = typer.Typer()

_LEVELS = (0.05, 0.5, 0.95)
_UNEQUAL = 0.05  # relative difference of compute within a budget that moves losses as much as seeds do

RunsFile = Annotated[str, typer.Argument(help="CSV, TSV, Parquet, JSON or JSON lines; - reads stdin.")]
EstimatorName = Annotated[
    Estimator,
    typer.Option(
        "--estimator",
        help="isoflop: Akima through the losses at each budget; parabola: approach 2 as first published; "
        "envelope: approach 1, training curves.",
    ),
]
Budgets = Annotated[
    str | None,
    typer.Option(
        "--budgets",
        help="FLOPs the runs were trained for, or at which to read training curves: 1e18,1e19.",
        show_default=False,
    ),
]
Compute = Annotated[str, typer.Option("--compute", help="FLOPs at which to say N* and D*; several by commas.")]
Noise = Annotated[
    float | None,
    typer.Option("--noise", help="Spread of a run's loss between seeds, nats. Default: estimated.", show_default=False),
]
Tolerance = Annotated[float, typer.Option("--tolerance", help="How far the compute of runs of one budget may differ.")]


@app.command()
def frontier(
    runs: RunsFile,
    *,
    estimator: EstimatorName = Estimator.ISOFLOP,
    budgets: Budgets = None,
    compute: Compute = "1e24",
    noise: Noise = None,
    tolerance: Tolerance = 0.1,
    columns: ColumnsText = None,
    size_convention: Convention = None,
    loss_unit: Unit = None,
    bytes_per_token: BytesPerToken = None,
    tokens_from_compute: FromCompute = False,
    validation_set: ValidationSet = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the noise bootstrap.")] = 0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Estimate the best size and tokens for a budget from IsoFLOP minima or the envelope, and say how biased that is.

    Example: scaling frontier isoflop.csv --compute 1e21
    """
    reading = Reading(
        columns=parse_columns(columns) if columns else None,
        size_convention=size_convention,
        loss_unit=loss_unit,
        bytes_per_token=bytes_per_token,
        tokens_from_compute=tokens_from_compute,
        validation_set=validation_set,
    )
    asked = read_counts(compute, field="compute")
    at = None if budgets is None else read_counts(budgets, field="budgets")
    table = table_from_text(sys.stdin.read(), name="standard input") if runs == "-" else table_from_file(runs)
    losses = losses_from_table(LossObservations, table, reading)
    for warning in noticed(losses):
        note(f"Warning: {warning}")
    estimate = _estimate(losses, estimator, budgets=at, noise=noise, tolerance=tolerance, seed=seed)
    if plot is not None:
        from scaling.figures import draw_frontier

        draw_frontier(estimate, losses, plot)
    if as_json:
        write_json(_document(estimate, losses, asked))
    else:
        _print(estimate, asked)
    for dropped in estimate.dropped:
        note(f"Left out: {dropped}.")


def _estimate(
    losses: LossObservations,
    estimator: Estimator,
    *,
    budgets: list[float] | None,
    noise: float | None,
    tolerance: float,
    seed: int,
) -> FrontierEstimate:
    from scaling.estimators import (
        EnvelopeSettings,
        IsoflopSettings,
        envelope_frontier,
        isoflop_frontier,
        parabola_frontier,
    )
    from scaling.estimators.surface import fitted_surface

    if estimator is Estimator.ENVELOPE and budgets is not None:
        raise InvalidInput("The envelope is taken at all compute between the curves' ends: leave --budgets out.")
    keep_programs()
    if estimator is Estimator.ENVELOPE:
        settings = EnvelopeSettings(seed=seed) if noise is None else EnvelopeSettings(seed=seed, noise_nats=noise)
        envelope_frontier(losses, settings=settings)  # what cannot be estimated is said before a surface is fitted
        return envelope_frontier(losses, settings=settings, surface=fitted_surface(losses))
    chosen = IsoflopSettings(tolerance=tolerance, noise_nats=noise, seed=seed)
    make = isoflop_frontier if estimator is Estimator.ISOFLOP else parabola_frontier
    make(losses, settings=chosen, budgets=budgets)
    return make(losses, settings=chosen, budgets=budgets, surface=fitted_surface(losses))


def _document(estimate: FrontierEstimate, losses: LossObservations, asked: list[float]) -> dict[str, Any]:
    bias = estimate.bias
    return {
        "estimator": estimate.estimator.value,
        "levels": _LEVELS,
        "size_convention": losses.size_convention.value,
        "validation_set": losses.validation_set,
        "data_digest": losses.digest,
        "size_exponent": {"estimate": estimate.exponent, "quantiles": estimate.exponent_quantiles(_LEVELS)},
        "token_exponent": {
            "estimate": 1.0 - estimate.exponent,
            "quantiles": 1.0 - estimate.exponent_quantiles(_LEVELS)[::-1],
        },
        "scatter": estimate.scatter,
        "at": [
            {
                "compute_flops": flops,
                "size": {"estimate": estimate.size_at(flops), "quantiles": estimate.size_quantiles(flops, _LEVELS)},
                "token_count": {
                    "estimate": estimate.tokens_at(flops),
                    "quantiles": estimate.tokens_quantiles(flops, _LEVELS),
                },
            }
            for flops in asked
        ],
        "minima": [
            {
                "compute_flops": each.compute,
                "size": each.size,
                "size_quantiles": each.size_quantiles(_LEVELS),
                "loss_nats_per_token": each.loss,
            }
            for each in estimate.minima
        ],
        "dropped": [{"compute_flops": each.compute, "reason": each.reason} for each in estimate.dropped],
        "bias": None
        if bias is None
        else {
            "law": bias.law,
            "compute_flops": bias.compute,
            "exponent": bias.exponent,
            "size_relative": bias.size,
            "token_count_relative": bias.tokens,
        },
    }


def _print(estimate: FrontierEstimate, asked: list[float]) -> None:
    rows = [
        (
            format_flops(each.compute),
            count_interval([float(value) for value in each.size_quantiles(_LEVELS)]),
            format_count(each.compute / (6.0 * each.size)),
            f"{each.loss:.4f}",
        )
        for each in estimate.minima
    ]
    headers = ("compute, FLOPs", "N* [90 % interval]", "D*", "loss there")
    write_table(f"{estimate.estimator}: the lowest loss at each budget", headers, rows)
    low, high = estimate.exponent_quantiles((0.05, 0.95))
    write_line(f"N* ~ C^a: a = {number_interval((low, estimate.exponent, high))}; D* ~ C^b: b = 1 - a.")
    answers = [
        (
            format_flops(flops),
            count_interval(_about(estimate.size_at(flops), estimate.size_quantiles(flops, _LEVELS))),
            count_interval(_about(estimate.tokens_at(flops), estimate.tokens_quantiles(flops, _LEVELS))),
        )
        for flops in asked
    ]
    write_table("Compute-optimal", ("compute, FLOPs", "N* [90 % interval]", "D* [90 % interval]"), answers)
    if estimate.scatter > 1.5:
        note(
            f"The minima scatter {estimate.scatter:.1f} times as far from a power law as their noise explains; "
            "the intervals are widened by that."
        )
    spread = max((curve.spread for curve in estimate.curves), default=0.0)
    if spread > _UNEQUAL:
        note(
            f"Compute differs by up to {spread:.0%} among the runs of one budget; their losses are compared as they "
            "are, and a tenth more compute lowers a loss by about half a percent."
        )
    farthest = max(each.compute for each in estimate.minima)
    if max(asked) > farthest:
        note(
            f"{format_flops(max(asked))} FLOPs is {max(asked) / farthest:.3g} times the largest budget: a power law "
            "beyond the data has not been tested."
        )
    if estimate.bias is None:
        note("No bias is stated: these runs do not determine a parametric surface to compute it on.")
    else:
        write_line(f"Bias: {estimate.bias}")


def _about(estimate: float, quantiles: Any) -> list[float]:
    return [float(quantiles[0]), estimate, float(quantiles[-1])]
