"""`scaling emerge`: at which loss, size and compute tasks emerge."""

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
    Plot,
    RatioText,
    Store,
    TaskKeys,
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
    number_interval,
    write_json,
    write_line,
    write_table,
)
from scaling.errors import Unanswerable

if TYPE_CHECKING:
    from scaling.predict.emergence import EmergenceForecast

app = typer.Typer()


@app.command()
def emerge(
    name: FitName,
    *,
    tasks: TaskKeys = None,
    tokens_per_parameter: RatioText = None,
    tokens: TokensText = None,
    compute_optimal: Optimal = False,
    size_limit: Annotated[str, typer.Option("--size-limit", help="Largest size looked at.")] = "1e13",
    covariates: Covariates = None,
    levels: LevelsText = "0.05,0.5,0.95",
    store: Store = None,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Say where tasks emerge along a path of size and tokens; "never" and "not identified yet" are answers too.

    Example: scaling emerge ladder-cpu --task ng2 --tokens-per-parameter 20
    """
    from scaling.predict.emergence import forecast_emergence

    path = read_path(tokens_per_parameter=tokens_per_parameter, tokens=tokens, compute_optimal=compute_optimal)
    limit, chosen = read_counts(size_limit, field="size-limit")[0], read_levels(levels)
    fit = at_covariates(open_fit(name, store), covariates)
    if not fit.scores:
        raise Unanswerable(f"The fit {fit.name!r} was made without scores: it has no tasks. Fit with --scores.")
    forecasts = [
        forecast_emergence(fit, task, path, levels=chosen, size_limit=limit) for task in tasks or sorted(fit.scores)
    ]
    if plot is not None:
        from scaling.figures import draw_emergence

        draw_emergence(fit, forecasts[0].task, path, plot)
    if as_json:
        write_json({"fit": fit_facts(fit), "levels": chosen, "forecasts": [_document(each) for each in forecasts]})
        return
    spread = interval_name(chosen)
    headers = ("task", "verdict", f"onset, nats [{spread}]", f"size [{spread}]", f"FLOPs [{spread}]", "P(never)")
    write_table(f"{fit.name}: emergence, {forecasts[0].path}", headers, [_row(each) for each in forecasts])
    for each in forecasts:
        write_line(each.statement)


def _row(forecast: EmergenceForecast) -> tuple[str, ...]:
    verdict = str(forecast.verdict).replace("_", " ")
    onset = "-" if forecast.onset_quantiles is None else number_interval(forecast.onset_quantiles)
    if forecast.not_identified_below is not None:
        onset = f"below {forecast.not_identified_below:.3f} if at all"
    where = forecast.at_onset
    size, flops = ("-", "-") if where is None else (count_interval(where.size), flops_interval(where.flops))
    return forecast.task, verdict, onset, size, flops, f"{forecast.p_never:.2f}"


def _document(forecast: EmergenceForecast) -> dict[str, Any]:
    document = asdict(forecast)
    document["verdict"] = str(forecast.verdict)
    document["onset_place"] = {str(place): share for place, share in forecast.onset_place.items()}
    return document
