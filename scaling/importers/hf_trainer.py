"""Hugging Face `Trainer`: the `trainer_state.json` of a run or of its checkpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from scaling.errors import InvalidObservations, Violation
from scaling.importers._files import json_object, number
from scaling.importers._importer import AbstractImporter, LossSeries, RunLog
from scaling.importers._transformer_config import sizes_of_config
from scaling.units import SizeConvention

_EVALUATION = re.compile(r"eval_(?:(.+)_)?loss")


@final
class HfTrainerImporter(AbstractImporter):
    """Reads `log_history`: `loss` is a mean over training steps since the last entry, `eval_..._loss` is held out.

    Tokens are `num_input_tokens_seen` where the run recorded it. `train_batch_size` is per device, before
    accumulation, and so says nothing about tokens per step. `train_loss` is the mean over the whole run: not a loss
    at a step, and not read. Sizes are counted from a `config.json` beside the state, for GPT-2, GPT-NeoX, Llama and
    Mistral.
    """

    name = "hf_trainer"
    title = "trainer_state.json of Hugging Face's Trainer, of a run or of its checkpoints"
    patterns = ("trainer_state.json",)

    def logs(self, paths: Sequence[Path]) -> list[RunLog]:
        """One log a file; checkpoint folders of one run carry its name."""
        return [_log(path) for path in paths]


def _log(path: Path) -> RunLog:
    document = json_object(path)
    entries = document.get("log_history")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidObservations(
            f"{path.name!r} is no trainer state.",
            [
                Violation(
                    str(path), "a list 'log_history' of entries is needed, as Trainer writes into its output folder"
                )
            ],
        )
    seen = _column(entries, "num_input_tokens_seen")
    return RunLog(
        source=str(path),
        run=_label(path),
        series=_series(entries),
        step=_column(entries, "step"),
        tokens=seen if np.nanmax(seen, initial=0.0) > 0 else None,  # zeros where it was not counted
        learning_rate=_column(entries, "learning_rate"),
        size=_sizes_beside(path),
    )


def _sizes_beside(path: Path) -> dict[SizeConvention, float]:
    """Sizes by the model's configuration in the same folder, as a checkpoint holds it."""
    config = path.parent / "config.json"
    return sizes_of_config(json_object(config)) if config.is_file() else {}


def _label(path: Path) -> str:
    """The run's folder: checkpoints lie in folders of their own inside it."""
    folder = path.absolute().parent
    if path.name != "trainer_state.json":
        return path.stem
    return folder.parent.name if folder.name.startswith("checkpoint-") else folder.name


def _column(entries: list[dict[str, Any]], key: str) -> Any:
    values = [number(entry.get(key)) for entry in entries]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _series(entries: list[dict[str, Any]]) -> dict[str, LossSeries]:
    names = dict.fromkeys(key for entry in entries for key in entry)
    series = {}
    for name in names:
        evaluation = _EVALUATION.fullmatch(name)
        if evaluation is None and name != "loss":
            continue
        there = [(row, number(entry[name])) for row, entry in enumerate(entries) if name in entry]
        values = [(row, np.nan if value is None else value) for row, value in there]
        series[name] = LossSeries(
            training=evaluation is None,
            validation_set="training batches" if evaluation is None else (evaluation[1] or "eval"),
            row=np.array([row for row, _ in values], dtype=int),
            loss=np.array([value for _, value in values], dtype=np.float64),
        )
    return series


IMPORTER = HfTrainerImporter()
