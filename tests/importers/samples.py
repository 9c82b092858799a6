"""For every importer, files of two runs as its tool writes them, with losses that are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaling.importers import ImportRequest
from scaling.units import SizeConvention

SIZES = {"small": 1e6, "large": 4e6}
TOKENS = 2e7
# One loss a run: what a finished run leaves behind; tools that log curves log it last.
LOSSES = {"small": 3.5, "large": 3.1}


@dataclass(frozen=True)
class Sample:
    """Files and what has to be said about them.

    - `write`: folder and losses by run -> the files; a loss may be NaN.
    - `missing`: fields that one error names where nothing is said.
    """

    write: Callable[[Path, dict[str, float]], list[Path]]
    request: ImportRequest
    missing: tuple[str, ...]


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def trainer_entries(loss: float, *, steps=(100, 200, 300, 400)) -> list[dict[str, Any]]:
    """Evaluations that fall to `loss`, training losses in between; the learning rate is brought down at the end."""
    entries: list[dict[str, Any]] = []
    for step in steps:
        left = 1 - step / steps[-1]
        entries.append({"step": step, "loss": loss + left + 0.2, "learning_rate": 1e-3 * max(0.1, min(1.0, 2 * left))})
        entries.append({"step": step, "eval_loss": loss + left, "eval_runtime": 1.0})
    return entries


def write_hf(folder: Path, losses: dict[str, float]) -> list[Path]:
    return [
        write_json(
            folder / run / "checkpoint-400" / "trainer_state.json",
            {"global_step": 400, "train_batch_size": 8, "log_history": trainer_entries(loss)},
        )
        for run, loss in losses.items()
    ]


def write_wandb(folder: Path, losses: dict[str, float]) -> list[Path]:
    paths = []
    for run, loss in losses.items():
        lines = ["_step,train/loss,eval/c4/CrossEntropyLoss,optim/learning_rate_group0,throughput/total_tokens"]
        for step in (100, 200, 300, 400):
            left = 1 - step / 400
            lines.append(
                f"{step},{loss + left + 0.2},{loss + left},{1e-3 * max(0.1, min(1, 2 * left))},{TOKENS * step / 400}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{run}.csv").write_text("\n".join(lines) + "\n")
        paths.append(folder / f"{run}.csv")
    return paths


def open_lm_model(run: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": run,
        "uuid": f"uuid-{run}",
        "hyperparameters": {
            "tokens": TOKENS,
            "lr": 3e-3,
            "cd": 3e-5,
            "params": 1.5 * SIZES[run],
            "params_no_embed": SIZES[run],
        },
        "results": results,
    }


def write_open_lm(folder: Path, losses: dict[str, float]) -> list[Path]:
    return [
        write_json(
            folder / f"{run}.json",
            open_lm_model(run, [{"loss": loss, "val_data": ["training/eval_data/c4_val/shard-{0..10}.tar"]}]),
        )
        for run, loss in losses.items()
    ]


def write_dclm(folder: Path, losses: dict[str, float]) -> list[Path]:
    paths = []
    for run, loss in losses.items():
        evaluation = {
            "name": "heavy",
            "model_uuid": f"uuid-{run}",
            "_filename": f"exp_data/evals/evaluation_{run}-tokens=20000000_heavy.json",
            "eval_metrics": {"icl": {"copa": 0.6}, "downstream_perpexity": {"c4_val": loss}},
        }
        paths += [write_json(folder / f"{run}-eval.json", evaluation)]
        paths += [write_json(folder / f"{run}-model.json", open_lm_model(run, []))]
    return paths


SAMPLES = {
    "hf_trainer": Sample(
        write_hf,
        ImportRequest(size=SIZES, batch_size=50, sequence_length=1000),
        ("size", "tokens per step"),
    ),
    "wandb": Sample(write_wandb, ImportRequest(size=SIZES), ("size",)),
    "open_lm": Sample(write_open_lm, ImportRequest(size_convention=SizeConvention.WITH_HEAD), ("size convention",)),
    "dclm": Sample(write_dclm, ImportRequest(size_convention=SizeConvention.WITH_HEAD), ("size convention",)),
}
