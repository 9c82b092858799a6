"""Observations: rows of runs and scores, with their units, checked at the edge.

`read_loss_observations` and `read_score_observations` take CSV, TSV, Parquet, JSON and JSON lines; pandas frames go
in and out by `from_frame` and `to_frame`.
"""

from scaling.observations._columns import parse_columns
from scaling.observations._noticed import noticed
from scaling.observations._warnings import DataReason, DataWarning
from scaling.observations.losses import LossObservations
from scaling.observations.reading import (
    loss_observations_from_rows,
    read_loss_observations,
    read_score_observations,
    score_observations_from_rows,
)
from scaling.observations.scores import ScoreObservations

__all__ = [
    "DataReason",
    "DataWarning",
    "LossObservations",
    "ScoreObservations",
    "loss_observations_from_rows",
    "noticed",
    "parse_columns",
    "read_loss_observations",
    "read_score_observations",
    "score_observations_from_rows",
]
