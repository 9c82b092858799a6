"""DCLM: evaluations with their losses, joined to the files of the models they evaluate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from scaling.errors import InvalidObservations, Violation
from scaling.importers._files import json_object, positive
from scaling.importers._importer import AbstractImporter, RunLog
from scaling.importers._open_lm import final_learning_rates, model_sizes, one_loss

_LOSSES = "downstream_perpexity"  # so spelled by DCLM's evaluation; it holds losses in nats, no perplexities
_TOKENS = re.compile(r"tokens=(\d+)")


@final
class DclmImporter(AbstractImporter):
    """Reads evaluation files; give the model files (`exp_data/models`) too, for sizes and tokens.

    An evaluation names its model by `model_uuid`, which is the model file's `uuid`. Without the model file, tokens are
    read from the run's name where it states them (`tokens=...`), and the size has to be given.
    """

    name = "dclm"
    title = "evaluation JSON of DCLM with losses, and the model JSON it belongs to"
    patterns = ("*.json",)

    def logs(self, paths: Sequence[Path]) -> list[RunLog]:
        """One run an evaluation; model files only explain them."""
        documents = {path: json_object(path) for path in paths}
        models = {str(each["uuid"]): each for each in documents.values() if _is_model(each)}
        logs = [_log(path, each, models) for path, each in documents.items() if not _is_model(each)]
        if not logs:
            raise InvalidObservations(
                "These are files of models, without an evaluation.",
                [Violation(str(path), "no 'eval_metrics'; give the evaluation's file too") for path in documents],
            )
        return logs


def _is_model(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("hyperparameters"), Mapping) and "uuid" in document


def _log(path: Path, document: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> RunLog:
    metrics = document.get("eval_metrics")
    if not isinstance(metrics, Mapping):
        raise InvalidObservations(
            f"{path.name!r} is no evaluation of DCLM.", [Violation(str(path), "'eval_metrics' is needed")]
        )
    losses = metrics.get(_LOSSES)
    if not isinstance(losses, Mapping) or not losses:
        there = ", ".join(metrics) or "nothing"
        raise InvalidObservations(
            f"{path.name!r} holds task scores and no loss.",
            [
                Violation(
                    f"{path}, eval_metrics",
                    f"{_LOSSES!r} is needed, there is {there}; evaluate with validation data, or import the model's "
                    "own file as 'open_lm' where its results hold losses",
                )
            ],
        )
    model = models.get(str(document.get("model_uuid")), {})
    hyperparameters = model.get("hyperparameters", {})
    stem = re.sub(r"^evaluation_", "", Path(str(document.get("_filename") or path)).stem)
    run = str(model.get("name") or stem)
    stated = _TOKENS.search(run)
    tokens = positive(hyperparameters.get("tokens")) or (float(stated[1]) if stated else None)
    last, peak = final_learning_rates(hyperparameters)
    return RunLog(
        source=str(path),
        run=run,
        series={str(name): one_loss(str(name), loss) for name, loss in losses.items()},
        tokens=None if tokens is None else np.array([tokens]),
        learning_rate=None if last is None else np.array([last]),
        peak_learning_rate=peak,
        size=model_sizes(hyperparameters),
    )


IMPORTER = DclmImporter()
