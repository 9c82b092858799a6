"""Columns beside size, tokens and loss, for laws that depend on more."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.errors import InvalidInput, InvalidObservations
from scaling.observations import LossObservations, loss_observations_from_rows, parse_columns
from scaling.observations.reading import read_loss_observations

PLAIN = {"run": ("a", "b", "c"), "size": [1e8, 2e8, 4e8], "tokens": [1e10] * 3, "loss": [3.0, 2.9, 2.8]}


def with_unique_tokens(values=(2e9, 4e9, 1e10)) -> LossObservations:
    return LossObservations(**PLAIN, covariates={"unique_tokens": values})


def test_the_digest_counts_covariates_and_is_what_it_was_without_them():
    # The digest of these three rows before observations could carry covariates.
    assert LossObservations(**PLAIN).digest == "b52d707888d12ade7795069934aee4834896bc487fc8602401bc76f31736553e"
    assert with_unique_tokens().digest != LossObservations(**PLAIN).digest
    assert with_unique_tokens((2e9, 4e9, 9e9)).digest != with_unique_tokens().digest


def test_covariates_follow_their_rows():
    runs = with_unique_tokens()
    assert runs.select(np.asarray([True, False, True])).covariates["unique_tokens"].tolist() == [2e9, 1e10]
    again = LossObservations.from_frame(runs.to_frame(), covariates=["unique_tokens"])
    assert again.digest == runs.digest
    with pytest.raises(ValueError, match="read-only"):
        runs.covariates["unique_tokens"][0] = 1.0


def test_every_faulty_covariate_is_named_by_its_row():
    with pytest.raises(
        InvalidObservations, match=r"row 2, unique_tokens: -1 given[\s\S]*row 3, unique_tokens: inf given"
    ):
        with_unique_tokens((1e9, -1.0, np.inf))
    with pytest.raises(InvalidObservations, match=r"unique_tokens: shape \(2,\) given"):
        with_unique_tokens((1e9, 2e9))


def test_a_reader_takes_a_covariate_by_its_name_or_a_mapping(tmp_path):
    rows = [{"size": 1e8, "tokens": 1e10, "loss": 3.0, "U": 2.0}, {"size": 2e8, "tokens": 1e10, "loss": 2.9, "U": 4.0}]
    columns = parse_columns("unique_tokens=U*1e9", covariates=["unique_tokens"])
    runs = loss_observations_from_rows(rows, columns=columns, covariates=("unique_tokens",))
    assert runs.covariates["unique_tokens"].tolist() == [2e9, 4e9]
    file = tmp_path / "runs.csv"
    file.write_text("size,tokens,loss,unique_tokens\n1e8,1e10,3.0,2B\n2e8,1e10,2.9,\n")
    with pytest.raises(InvalidObservations, match="line 3, column 'unique_tokens'"):
        read_loss_observations(file, covariates=["unique_tokens"])


def test_a_missing_covariate_column_is_named():
    rows = [{"size": 1e8, "tokens": 1e10, "loss": 3.0}]
    with pytest.raises(InvalidObservations, match="column 'unique_tokens': missing"):
        loss_observations_from_rows(rows, covariates=("unique_tokens",))
    with pytest.raises(InvalidInput, match="no such role"):
        parse_columns("unique_tokens=U")


def test_rows_that_differ_in_a_covariate_alone_are_no_repeats():
    rows = [
        {"run": "a", "size": 1e8, "tokens": 1e10, "loss": loss, "post_training_bits": bits}
        for bits, loss in ((3, 3.4), (4, 3.1), (16, 3.0))
    ]
    runs = loss_observations_from_rows(rows, covariates=("post_training_bits",))
    assert len(runs) == 3
    assert not runs.warnings
