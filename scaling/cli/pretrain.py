"""`scaling pretrain`: train a ladder of small networks, and read off what they score."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scaling.pretrain.config import RunConfig, SweepConfig
    from scaling.pretrain.price import SweepPrice
    from scaling.pretrain.records import Progress

app = typer.Typer(
    no_args_is_help=True,
    help="Train a ladder of small networks on a language of known entropy; get losses.csv and scores.csv.",
)

SweepFile = Annotated[Path | None, typer.Argument(help="TOML file of a sweep; see `plan --write`.", show_default=False)]
PresetName = Annotated[str | None, typer.Option("--preset", help="'cpu' (about 10 minutes a seed) or 'cpu-mini'.")]
Seeds = Annotated[list[int] | None, typer.Option("--seed", help="Seeds instead of the sweep's; repeatable.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time, one core each. Default: all cores.")]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON.")]
Out = Annotated[Path, typer.Option("--out", help="The sweep's folder; started again, it goes on where it was.")]
Interval = Annotated[float, typer.Option(min=1, help="Seconds between checkpoints, besides those at evaluations.")]


@app.command()
def run(
    sweep_file: SweepFile = None,
    *,
    out: Out,
    preset: PresetName = None,
    seed: Seeds = None,
    workers: Workers = None,
    checkpoint_seconds: Interval = 60.0,
    as_json: Json = False,
) -> None:
    """Train every run of a sweep, cheapest first. Interrupt it freely.

    Example: scaling pretrain run --preset cpu-mini --out ladder
    """
    sweep = _sweep(sweep_file, preset, seed)
    _train(sweep, out, workers=workers, checkpoint_seconds=checkpoint_seconds, as_json=as_json)


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(help="The sweep's folder.")],
    *,
    workers: Workers = None,
    checkpoint_seconds: Interval = 60.0,
    as_json: Json = False,
) -> None:
    """Go on with an interrupted sweep, to the same bits as without the interruption.

    Example: scaling pretrain resume ladder
    """
    from scaling.pretrain.sweep import SweepFolder

    sweep = SweepFolder(folder).read_config()
    _train(sweep, folder, workers=workers, checkpoint_seconds=checkpoint_seconds, as_json=as_json)


@app.command()
def plan(
    sweep_file: SweepFile = None,
    *,
    preset: PresetName = None,
    seed: Seeds = None,
    workers: Workers = None,
    flops_per_second: Annotated[float | None, typer.Option(min=1, help="Your core's rate, if you know it.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Print the sweep as TOML, to edit and run.")] = False,
    as_json: Json = False,
) -> None:
    """Say what a sweep will cost, before it starts.

    Example: scaling pretrain plan --preset cpu
    """
    from scaling.pretrain.price import price_sweep
    from scaling.pretrain.sweep import cores

    sweep = _sweep(sweep_file, preset, seed)
    if write:
        sys.stdout.write(_toml(sweep))
        return
    price = price_sweep(sweep, workers=workers or cores(), flops_per_second=flops_per_second)
    if as_json:
        _print_json(_price_document(price))
    else:
        _print_price(price)


def _sweep(sweep_file: Path | None, preset_name: str | None, seeds: list[int] | None) -> SweepConfig:
    from scaling.errors import InvalidInput
    from scaling.pretrain.config import parse_sweep, preset, read_sweep

    if (sweep_file is None) == (preset_name is None):
        raise InvalidInput("Give either the TOML file of a sweep or --preset, not both and not neither.")
    sweep = preset(preset_name) if preset_name is not None else read_sweep(sweep_file or Path())
    if not seeds:
        return sweep
    return parse_sweep({**sweep.model_dump(), "seeds": tuple(seeds)}, source="--seed")


def _train(sweep: SweepConfig, out: Path, *, workers: int | None, checkpoint_seconds: float, as_json: bool) -> None:
    from scaling.pretrain.sweep import LocalProcesses, cores, run_sweep

    executor = LocalProcesses(workers or cores(), interval_seconds=checkpoint_seconds)
    with _Bars(sweep) as bars:
        status = run_sweep(sweep, out, executor=executor, listen=bars.update)
    files = {"losses": str(out / "losses.csv"), "scores": str(out / "scores.csv")}
    seconds = sum(progress.cpu_seconds for progress in status.values())
    if as_json:
        _print_json({**files, "provenance": str(out / "provenance.json"), "runs": len(status), "cpu_seconds": seconds})
    else:
        sys.stdout.write(f"{len(status)} runs, {seconds:.0f} CPU-seconds: {files['losses']}, {files['scores']}\n")


class _Bars:
    """One line for the sweep and one for each run under way, on stderr."""

    def __init__(self, sweep: SweepConfig) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Bars(*columns, console=Console(stderr=True))
        self._all = self._bars.add_task(f"sweep '{sweep.name}', runs", total=len(sweep.runs()))
        self._lines: dict[RunConfig, Any] = {}

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, status: dict[RunConfig, Progress]) -> None:
        """Show where every run stands; runs that have ended leave the screen."""
        self._bars.update(self._all, completed=sum(one.state == "done" for one in status.values()))
        for run, progress in status.items():
            if progress.state == "running":
                loss = f", loss {progress.loss:.3f}" if progress.loss is not None else ""
                if run not in self._lines:
                    self._lines[run] = self._bars.add_task(run.name, total=run.step_count)
                self._bars.update(self._lines[run], completed=progress.step, description=f"{run.name}{loss}")
            elif run in self._lines:
                self._bars.remove_task(self._lines.pop(run))


def _price_document(price: SweepPrice) -> dict[str, Any]:
    runs = [
        {
            "run": one.run.name,
            "nonembedding_size": one.run.network.nonembedding_size,
            "total_size": one.run.network.total_size,
            "token_count": one.run.token_count,
            "training_flops": one.training_flops,
            "evaluation_flops": one.evaluation_flops,
            "cpu_seconds": one.cpu_seconds,
        }
        for one in price.runs
    ]
    totals = {"flops": price.flops, "cpu_seconds": price.cpu_seconds, "wall_seconds": price.wall_seconds}
    return {"workers": price.workers, **totals, "runs": runs}


def _print_price(price: SweepPrice) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("run", "size", "tokens", "training FLOPs", "CPU-seconds", title="What the sweep will cost")
    for one in price.runs:
        size, tokens = one.run.network.nonembedding_size, one.run.token_count
        table.add_row(one.run.name, f"{size:,}", f"{tokens:,}", f"{one.training_flops:.3g}", f"{one.cpu_seconds:.0f}")
    console = Console()
    console.print(table)
    console.print(
        f"In all {price.flops:.3g} FLOPs, about {price.cpu_seconds / 60:.0f} CPU-minutes; "
        f"{price.wall_seconds / 60:.0f} minutes with {price.workers} runs at a time (rates of another machine)."
    )


def _toml(sweep: SweepConfig) -> str:
    """The sweep as a TOML document; what stands for tables in it comes last."""
    document = sweep.model_dump(mode="json")
    runs = document.pop("long_runs")
    lines = _toml_lines(document, "")
    for one in runs:
        lines += ["", "[[long_runs]]", *(f"{key} = {json.dumps(value)}" for key, value in one.items())]
    return "\n".join(lines) + "\n"


def _toml_lines(table: dict[str, Any], prefix: str) -> list[str]:
    plain = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            plain += ["", f"[{prefix}{key}]", *_toml_lines(value, f"{prefix}{key}.")]
    return plain


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
