"""`scaling plan`: what a budget buys, what a loss or a task costs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._options import (
    Covariates,
    FitName,
    Json,
    LevelsText,
    Optimal,
    RatioText,
    Store,
    TokensText,
    at_covariates,
    fit_facts,
    open_fit,
    read_counts,
    read_levels,
    read_path,
)
from scaling.cli._output import (
    count_interval,
    flops_interval,
    interval_name,
    note,
    number_interval,
    write_json,
    write_line,
    write_table,
)
from scaling.errors import InvalidInput
from scaling.units import format_count, format_flops, parse_count

if TYPE_CHECKING:
    from scaling.emergence import AbstractPath
    from scaling.plan import ComputePlan, Cost, Hardware
    from scaling.posterior import Fit

app = typer.Typer()

Budget = Annotated[str | None, typer.Option("--budget", help="Training FLOPs, such as 1e24.", show_default=False)]
TargetLoss = Annotated[
    float | None, typer.Option("--target-loss", help="Loss to reach, nats per token.", show_default=False)
]
Task = Annotated[str | None, typer.Option("--task", help="Task that is to emerge.", show_default=False)]
Probability = Annotated[float, typer.Option("--probability", help="With which the target is to be reached.")]
AcceleratorName = Annotated[
    str | None, typer.Option("--accelerator", help="Entry of the table, such as h100.", show_default=False)
]
Count = Annotated[int, typer.Option("--count", help="Accelerators at work.")]
Share = Annotated[float, typer.Option("--utilisation", help="Share of peak that 6 N D FLOPs reach.")]
Spread = Annotated[float, typer.Option("--utilisation-spread", help="Standard deviation of its logarithm.")]
Peak = Annotated[str | None, typer.Option("--peak", help="FLOP/s of one, in place of the table's.", show_default=False)]
Price = Annotated[
    float | None,
    typer.Option("--price", help="US dollars per hour of one, in place of the table's.", show_default=False),
]


@app.command()
def plan(
    name: FitName,
    *,
    budget: Budget = None,
    target_loss: TargetLoss = None,
    task: Task = None,
    probability: Probability = 0.8,
    tokens_per_parameter: RatioText = None,
    tokens: TokensText = None,
    compute_optimal: Optimal = False,
    accelerator: AcceleratorName = None,
    count: Count = 1,
    utilisation: Share = 0.4,
    utilisation_spread: Spread = 0.15,
    peak: Peak = None,
    price: Price = None,
    covariates: Covariates = None,
    levels: LevelsText = "0.05,0.5,0.95",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Plan a run: the best use of a budget, or the least compute for a loss or for a task to emerge.

    Example: scaling plan besiroglu-2024 --budget 1e24 --accelerator h100 --count 512
    """
    from scaling.plan import cost_of

    if (budget is not None) + (target_loss is not None) + (task is not None) != 1:
        raise InvalidInput("Give one of --budget, --target-loss and --task.")
    path = read_path(tokens_per_parameter=tokens_per_parameter, tokens=tokens, compute_optimal=compute_optimal)
    chosen = read_levels(levels)
    hardware = _hardware(
        accelerator, count=count, utilisation=utilisation, spread=utilisation_spread, peak=peak, price=price
    )
    fit = at_covariates(open_fit(name, store), covariates)
    made = _plan(
        fit, budget=budget, target_loss=target_loss, task=task, probability=probability, path=path, levels=chosen
    )
    cost = cost_of(made.run.flops, hardware, levels=chosen) if hardware and made.run else None
    if as_json:
        write_json({"fit": fit_facts(fit), "plan": _document(made), "cost": _cost_document(cost)})
        return
    _print(fit, made, cost)


def _plan(
    fit: Fit,
    *,
    budget: str | None,
    target_loss: float | None,
    task: str | None,
    probability: float,
    path: AbstractPath,
    levels: tuple[float, ...],
) -> ComputePlan:
    from scaling.plan import plan_budget, plan_loss, plan_task

    if budget is not None:
        return plan_budget(fit, read_counts(budget, field="budget")[0], path=path, levels=levels)
    if target_loss is not None:
        return plan_loss(fit, target_loss, probability=probability, path=path, levels=levels)
    assert task is not None
    return plan_task(fit, task, probability=probability, path=path, levels=levels)


def _hardware(
    name: str | None, *, count: int, utilisation: float, spread: float, peak: str | None, price: float | None
) -> Hardware | None:
    from scaling.compute import Accelerator, Utilisation, accelerator
    from scaling.plan import Hardware

    if name is None and peak is None:
        return None
    given_peak = None if peak is None else parse_count(peak)
    if name is None:
        assert given_peak is not None
        chip = Accelerator("own", "your accelerator", given_peak, "given", price, None if price is None else "given")
    else:
        chip = accelerator(name)
    return Hardware(
        chip,
        count=count,
        utilisation=Utilisation(utilisation, spread),
        peak_flops_per_second=given_peak,
        price_per_hour_usd=price,
    )


def _print(fit: Fit, made: ComputePlan, cost: Cost | None) -> None:
    spread = interval_name(made.levels)
    rows = [
        ("compute, FLOPs", flops_interval(made.flops), "-" if made.run is None else format_flops(made.run.flops)),
        ("size", count_interval(made.size), "-" if made.run is None else _size_words(made)),
        ("tokens", count_interval(made.tokens), "-" if made.run is None else format_count(made.run.tokens)),
    ]
    if made.run is not None:
        rows.append(("loss, nats per token", number_interval(made.run.forecast.run_quantiles[:, 0]), "of one new run"))
    if made.probability is not None:
        rows.append(("P(target reached)", "", f"{made.probability:.2f}"))
    if cost is not None:
        rows += _cost_rows(cost)
    write_table(f"{fit.name}: {made.goal}", ("", f"median [{spread}]", "the run to make"), rows)
    write_line(made.statement)
    if made.run is not None and made.run.forecast.beyond_calibrated[0]:
        note("! further beyond the data than any back-test has shown the intervals to hold.")
    if cost is not None and cost.usd is None:
        note(f"No list price is known for {cost.hardware.accelerator.title}: give --price for money.")


def _size_words(made: ComputePlan) -> str:
    assert made.run is not None
    shape = made.run.shape
    words = format_count(made.run.size)
    return words if shape is None else f"{words} ({shape.layers} layers x {shape.width})"


def _cost_rows(cost: Cost) -> list[tuple[str, str, str]]:
    hardware = cost.hardware
    source = hardware.accelerator.price_source if hardware.price_per_hour_usd is None else "given"
    rows = [
        ("accelerator-hours", count_interval(cost.accelerator_hours), hardware.accelerator.title),
        (f"days on {hardware.count}", count_interval(cost.days), f"{100 * hardware.utilisation.median:.0f} % of peak"),
    ]
    if cost.usd is not None:
        rows.append(("US dollars", count_interval(cost.usd), f"{hardware.price:.2f} an hour ({source})"))
    return rows


def _document(made: ComputePlan) -> dict[str, Any]:
    document = {
        "goal": made.goal,
        "levels": made.levels,
        "compute_flops": made.flops,
        "size": made.size,
        "token_count": made.tokens,
        "probability": made.probability,
        "never_probability": made.never_probability,
        "flops_limit": made.flops_limit,
        "statement": made.statement,
        "run": None,
    }
    if made.run is not None:
        forecast = made.run.forecast
        document["run"] = {
            "compute_flops": made.run.flops,
            "size": made.run.size,
            "token_count": made.run.tokens,
            "shape": None if made.run.shape is None else asdict(made.run.shape),
            "flat_sizes": made.run.flat_sizes,
            "trend_loss_nats_per_token": forecast.trend_quantiles[:, 0],
            "run_loss_nats_per_token": forecast.run_quantiles[:, 0],
            "distance_e_folds": forecast.distance[0],
            "beyond_calibrated_range": bool(forecast.beyond_calibrated[0]),
        }
    return document


def _cost_document(cost: Cost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    hardware = cost.hardware
    return {
        "accelerator": asdict(hardware.accelerator),
        "count": hardware.count,
        "utilisation": asdict(hardware.utilisation),
        "peak_flops_per_second": hardware.peak,
        "price_per_hour_usd": hardware.price,
        "accelerator_hours": cost.accelerator_hours,
        "days": cost.days,
        "usd": cost.usd,
    }
