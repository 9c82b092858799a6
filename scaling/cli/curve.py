"""`scaling curve`: loss curves in, the curve of a run under another schedule out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._options import Json, LevelsText, Plot, read_levels
from scaling.cli._output import (
    interval_name,
    keep_programs,
    note,
    number_interval,
    progress_on_stderr,
    write_json,
    write_line,
    write_table,
)
from scaling.errors import InvalidInput
from scaling.units import parse_count

if TYPE_CHECKING:
    from scaling.curves import Schedule
    from scaling.inference.annealing import CurveFit
    from scaling.predict.annealing import ScheduleComparison, ScheduleForecast

app = typer.Typer()

_KINDS = "constant, cosine, linear, wsd (decay_from=STEP), wsdcon (switch=STEP,second=LR)"
CurveFiles = Annotated[
    list[Path], typer.Argument(help="A run each: columns step, lr, loss (CSV, TSV, Parquet, JSON).", show_default=False)
]
ScheduleText = Annotated[
    list[str] | None,
    typer.Option(
        "--schedule",
        help=f"To forecast, such as cosine:steps=24000,peak=3e-4,final=3e-5; kinds: {_KINDS}; or a file with step and "
        "lr. Repeat it to compare several.",
        show_default=False,
    ),
]
WarmupSteps = Annotated[
    int | None, typer.Option("--warmup", help="Warm-up steps of the runs, where their files begin later.")
]
Continues = Annotated[
    str | None, typer.Option("--continue", help="Forecast this run carried on, not a new one.", show_default=False)
]
PointCount = Annotated[int, typer.Option("--points", min=1, max=200, help="Steps of the curve to show.")]


@app.command()
def curve(
    files: CurveFiles,
    *,
    schedules: ScheduleText = None,
    law: Annotated[str, typer.Option("--law", help="Curve law: multi_power or annealed.")] = "multi_power",
    warmup: WarmupSteps = None,
    continues: Continues = None,
    points: PointCount = 8,
    levels: LevelsText = "0.05,0.5,0.95",
    seed: Annotated[int, typer.Option("--seed", help="Seed; the same data and seed give the same draws.")] = 0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Fit loss curves logged under known learning rates; forecast runs under other schedules, or their own end.

    Example: scaling curve constant.csv stages.csv --schedule cosine:steps=6000,peak=1e-3,final=1e-4,warmup=200
    """
    from scaling.curves import curve_law_class
    from scaling.importers.curves import read_curve
    from scaling.inference.annealing import CURVE_SETTINGS, fit_curves

    law_class, quantiles = curve_law_class(law), read_levels(levels)
    runs = [read_curve(path, warmup=warmup) for path in files]
    planned = [_schedule(text) for text in schedules or ()]
    if continues is not None and len(planned) != 1:
        raise InvalidInput("--continue forecasts one run under one schedule: give --schedule once.")
    keep_programs()
    with progress_on_stderr() as progress:
        made = fit_curves(runs, law_class, settings=CURVE_SETTINGS.model_copy(update={"seed": seed}), progress=progress)
    forecasts = [_forecast(made, each, points=points, levels=quantiles, continues=continues) for each in planned]
    comparison = _comparison(made, planned, levels=quantiles)
    if plot is not None:
        from scaling.figures import draw_curves

        draw_curves(runs, forecasts, plot)
    _report(made, forecasts, comparison, as_json=as_json)


def _schedule(text: str) -> Schedule:
    """`cosine:steps=24000,peak=3e-4,...` or the path of a file; raises `InvalidInput` saying what is missing."""
    from scaling.curves.schedule import constant, cosine, linear, two_stage, warmup_stable_decay

    kind, colon, rest = text.partition(":")
    if not colon:
        from scaling.importers.curves import read_schedule

        return read_schedule(Path(text))
    builders: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {
        "constant": (constant, (), ()),
        "cosine": (cosine, (), ("final",)),
        "linear": (linear, (), ("final",)),
        "wsd": (warmup_stable_decay, ("decay_from",), ("final", "exponential")),
        "wsdcon": (two_stage, ("switch", "second"), ()),
    }
    if kind not in builders:
        raise InvalidInput(f"No schedule is called {kind!r}. There are: {_KINDS}.")
    build, needed, possible = builders[kind]
    given = {key.strip(): value for key, _, value in (part.partition("=") for part in rest.split(","))}
    needed = ("steps", "peak", *needed)
    missing = [key for key in needed if key not in given]
    unknown = [key for key in given if key not in (*needed, *possible, "warmup")]
    if missing or unknown:
        raise InvalidInput(
            f"--schedule {text!r} cannot be read: "
            + "; ".join([*(f"{key} is missing" for key in missing), *(f"no {key!r} here" for key in unknown)])
            + f". Write {kind}:"
            + ",".join(f"{key}=..." for key in needed)
            + "."
        )
    values = {key: parse_count(value) for key, value in given.items()}
    whole = {key: int(value) for key, value in values.items() if key in ("steps", "warmup", "decay_from", "switch")}
    others = {key: value for key, value in values.items() if key not in whole and key != "peak"}
    if "exponential" in others:
        others["exponential"] = bool(others["exponential"])
    steps = whole.pop("steps")
    made: Schedule = build(steps, values["peak"], name=text, **whole, **others)
    return made


def _forecast(
    made: CurveFit, schedule: Schedule, *, points: int, levels: tuple[float, ...], continues: str | None
) -> ScheduleForecast:
    import numpy as np

    from scaling.predict.annealing import forecast_curve

    first = schedule.warmup
    if continues is not None and continues in made.posterior.runs:
        first = round(float(np.exp(made.posterior.runs[continues].log_step[-1])))
    steps = np.unique(np.linspace(max(first, 1), len(schedule) - 1, points + 1)[1:].astype(int))
    return forecast_curve(made.posterior, schedule, steps, continues=continues, levels=levels)


def _comparison(made: CurveFit, planned: list[Schedule], *, levels: tuple[float, ...]) -> ScheduleComparison | None:
    from scaling.predict.annealing import compare_schedules

    return compare_schedules(made.posterior, planned, levels=levels) if len(planned) > 1 else None


def _report(
    made: CurveFit, forecasts: list[ScheduleForecast], comparison: ScheduleComparison | None, *, as_json: bool
) -> None:
    import numpy as np

    coefficients = {
        name: np.quantile(values, (0.05, 0.5, 0.95)) for name, values in made.posterior.law.to_coefficients().items()
    }
    if as_json:
        write_json(
            {
                "law": made.law_class.name,
                "runs": list(made.posterior.runs),
                "coefficients": coefficients,
                "diagnostics": made.diagnostics.model_dump(),
                "forecasts": [_document(forecast) for forecast in forecasts],
                "lowest_probability": None if comparison is None else comparison.lowest_probability,
                "findings": [finding.model_dump(mode="json") for finding in made.findings],
            }
        )
        return
    specs = {spec.name: spec for spec in made.law_class.coefficients}
    rows = [
        (f"{name} ({specs[name].meaning})", specs[name].unit, "{1:.4g} [{0:.4g}, {2:.4g}]".format(*values))
        for name, values in coefficients.items()
    ]
    write_table(made.law_class.formula, ("coefficient", "unit", "median [90 % interval]"), rows)
    for forecast in forecasts:
        name = interval_name(forecast.levels)
        write_table(
            forecast.schedule,
            ("step", f"loss, nats per token [{name}]", f"one checkpoint [{name}]"),
            [
                (str(step), number_interval(run, digits=4), number_interval(checkpoint, digits=4))
                for step, run, checkpoint in zip(
                    forecast.step, forecast.run_quantiles.T, forecast.checkpoint_quantiles.T, strict=True
                )
            ],
        )
        if forecast.beyond_calibrated:
            note(
                f"{forecast.schedule}: {', '.join(forecast.beyond)}. The bands widen there, but are not calibrated: "
                "90 % bands of real cosines three times as long held .3 to .5 of the points. Fit such a run too."
            )
    if comparison is not None:
        for schedule, probability in comparison.lowest_probability.items():
            write_line(f"P(ends lowest) {probability:.2f}: {schedule}")
    for finding in made.findings:
        note(f"Finding: {finding.message}")


def _document(forecast: ScheduleForecast) -> dict[str, Any]:
    return {
        "schedule": forecast.schedule,
        "levels": forecast.levels,
        "step": forecast.step,
        "run_loss_nats_per_token": forecast.run_quantiles.T,
        "checkpoint_loss_nats_per_token": forecast.checkpoint_quantiles.T,
        "beyond_calibrated": forecast.beyond_calibrated,
        "beyond": list(forecast.beyond),
    }
