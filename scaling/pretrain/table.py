"""The observations of a sweep as two tables, and where they come from."""

import csv
import hashlib
import importlib.metadata
import io
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scaling.pretrain.config import RunConfig, SweepConfig
from scaling.pretrain.files import write_atomically, write_json
from scaling.pretrain.items import stored_corpus
from scaling.pretrain.price import price_run
from scaling.pretrain.records import Evaluation, read_evaluations, read_progress

RUN_COLUMNS = ("run", "seed", "width", "nonembedding_size", "total_size", "step", "token_count")
LOSS_COLUMNS = (*RUN_COLUMNS, "validation_set", "loss_nats_per_token", "schedule")
SCORE_COLUMNS = (
    *RUN_COLUMNS,
    "loss_nats_per_token",
    "overall_loss_nats_per_token",
    "task",
    "metric",
    "score",
    "item_count",
    "chance",
    "correct_count",
)
PACKAGES = ("scaling-service", "jax", "jaxlib", "numpy", "optax", "orbax-checkpoint")

Row = tuple[str | int | float | None, ...]


def write_observations(path: Path, sweep: SweepConfig, *, folders: Mapping[RunConfig, Path]) -> None:
    """Write losses.csv, scores.csv and provenance.json from what the runs have measured so far."""
    measured = {run: read_evaluations(folder) for run, folder in folders.items()}
    write_atomically(path / "losses.csv", _csv(LOSS_COLUMNS, _rows(measured, _loss_rows)))
    write_atomically(path / "scores.csv", _csv(SCORE_COLUMNS, _rows(measured, _score_rows)))
    write_json(path / "provenance.json", _provenance(path, sweep, folders, measured))


def _rows(measured: Mapping[RunConfig, list[Evaluation]], of_one: Any) -> Iterable[Row]:
    for run, evaluations in measured.items():
        for evaluation in evaluations:
            network = run.network
            known = (run.name, run.seed, network.width, network.nonembedding_size, network.total_size)
            yield from of_one((*known, evaluation.step, evaluation.token_count), run, evaluation)


def _loss_rows(known: Row, run: RunConfig, evaluation: Evaluation) -> Iterable[Row]:
    for validation_set, loss in evaluation.losses.items():
        yield (*known, validation_set, loss, run.optimizer.schedule)


def _score_rows(known: Row, run: RunConfig, evaluation: Evaluation) -> Iterable[Row]:
    del run
    losses = (evaluation.losses["language"], evaluation.losses["overall"])
    for one in evaluation.scores:
        yield (*known, *losses, one.task, one.metric, one.score, one.item_count, one.chance, one.correct_count)


def _csv(columns: tuple[str, ...], rows: Iterable[Row]) -> str:
    """Comma-separated, floats as the shortest text that reads back to the same bits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _provenance(
    path: Path,
    sweep: SweepConfig,
    folders: Mapping[RunConfig, Path],
    measured: Mapping[RunConfig, list[Evaluation]],
) -> dict[str, Any]:
    _, items = stored_corpus(sweep.corpus, path / "corpus")
    runs = [_run_record(run, folder, measured[run]) for run, folder in folders.items()]
    digests = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in ("losses.csv", "scores.csv")}
    return {
        "schema": 1,
        "made_by": "scaling pretrain",
        "sweep": sweep.model_dump(mode="json"),
        "sweep_digest": sweep.digest(),
        "items_digest": items.digest(),
        "file_digests": digests,
        "entropies_nats_per_token": _by_order(items.entropies),
        "oracle_validation_losses_nats_per_token": _by_order(items.oracle_losses),
        "known_thresholds_nats_per_token": {f"ng{k}": float(items.entropies[k - 1]) for k in (1, 2, 3)},
        "loss_definitions": {
            "overall": "mean over every predicted token of the validation rows",
            "language": "mean over predicted tokens of the language that have three tokens of context",
        },
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "machine": {"kind": "cpu", "architecture": platform.machine(), "processor": _processor(), "threads_per_run": 1},
        "cpu_seconds": sum(run["cpu_seconds"] for run in runs),
        "cpu_seconds_by_seed": _by_seed(sweep, runs),
        "runs": runs,
    }


def _run_record(run: RunConfig, folder: Path, evaluations: list[Evaluation]) -> dict[str, Any]:
    progress = read_progress(folder)
    rate = (
        progress.trained_steps * run.corpus.tokens_per_batch / progress.training_seconds
        if progress.trained_steps
        else None
    )
    return {
        "run": run.name,
        "digest": run.digest(),
        "state": progress.state,
        "seed": run.seed,
        "width": run.network.width,
        "step_count": run.step_count,
        "evaluations": len(evaluations),
        "training_flops": price_run(run).training_flops,
        "cpu_seconds": progress.cpu_seconds,
        "wall_seconds": progress.wall_seconds,
        "training_tokens_per_second": rate,
    }


def _by_seed(sweep: SweepConfig, runs: list[dict[str, Any]]) -> dict[str, float]:
    """CPU seconds of the whole grid of each seed, long runs aside."""
    grid = [run for run in runs if run["step_count"] == sweep.step_count and run["width"] in sweep.widths]
    return {str(seed): sum(run["cpu_seconds"] for run in grid if run["seed"] == seed) for seed in sweep.seeds}


def _by_order(values: Iterable[float]) -> dict[str, float]:
    return {f"order_{order}": float(value) for order, value in enumerate(values)}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name where the system tells, else the architecture."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
