"""open_lm: the JSON of a finished model with its losses on several validation sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from scaling.errors import InvalidObservations, Violation
from scaling.importers._files import json_object, positive
from scaling.importers._importer import AbstractImporter, LossSeries, RunLog
from scaling.importers._open_lm import final_learning_rates, model_sizes, one_loss


@final
class OpenLmImporter(AbstractImporter):
    """Reads `hyperparameters` (tokens, sizes) and `results`: one finished run a file, one loss a validation set.

    A set is called after the folder of its shards, as open_lm's evaluation does.
    """

    name = "open_lm"
    title = "model JSON of open_lm with its losses under 'results'"
    patterns = ("*.json",)

    def logs(self, paths: Sequence[Path]) -> list[RunLog]:
        """One run a file."""
        return [_log(path, json_object(path)) for path in paths]


def _log(path: Path, document: Mapping[str, Any]) -> RunLog:
    hyperparameters, results = document.get("hyperparameters"), document.get("results")
    if not isinstance(hyperparameters, Mapping) or not isinstance(results, list):
        raise InvalidObservations(
            f"{path.name!r} is no model file of open_lm.",
            [Violation(str(path), "'hyperparameters' and a list 'results' are needed, as its training writes them")],
        )
    if not results:
        raise InvalidObservations(
            f"{path.name!r} holds no losses.",
            [Violation(str(path), "'results' is empty; evaluate the model, or import its evaluation as 'dclm'")],
        )
    last, peak = final_learning_rates(hyperparameters)
    tokens = positive(hyperparameters.get("tokens"))
    return RunLog(
        source=str(path),
        run=str(document.get("name") or path.stem),
        series=_series(path, results),
        tokens=None if tokens is None else np.array([tokens]),
        learning_rate=None if last is None else np.array([last]),
        peak_learning_rate=peak,
        size=model_sizes(hyperparameters),
    )


def _series(path: Path, results: Sequence[Any]) -> dict[str, LossSeries]:
    series: dict[str, LossSeries] = {}
    for index, result in enumerate(results):
        shards = result.get("val_data") if isinstance(result, Mapping) else None
        if not isinstance(result, Mapping) or "loss" not in result or not shards:
            raise InvalidObservations(
                f"{path.name!r} has results that are no losses.",
                [Violation(f"{path}, results[{index}]", "'loss' and 'val_data' are needed")],
            )
        folder = str(shards[0]).split("/")[-2] if "/" in str(shards[0]) else str(shards[0])
        if folder in series:
            raise InvalidObservations(
                f"{path.name!r} names one validation set twice.",
                [Violation(f"{path}, results[{index}]", f"{folder!r} has a loss already; keep one of the two")],
            )
        series[folder] = one_loss(folder, result["loss"])
    return series


IMPORTER = OpenLmImporter()
