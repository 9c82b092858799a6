"""A finding has a stable name for programs, whatever its message says."""

from __future__ import annotations

from scaling.observations import DataReason, DataWarning
from scaling.posterior import Finding, FindingCode


def test_the_reason_is_what_was_noticed_about_the_data_else_the_code():
    noticed = Finding.of_warning(DataWarning(DataReason.NARROW_RANGE, "half a decade of compute"))
    assert (noticed.code, noticed.reason) == (FindingCode.DATA_QUALITY, "NARROW_RANGE")
    assert Finding(code=FindingCode.FEW_RUNS, message="few").reason == "few_runs"


def test_a_finding_stored_without_a_reason_is_read_with_its_code():
    old = Finding.model_validate_json('{"code": "outlier_rows", "message": "1 of 32 rows"}')
    assert old.reason == "outlier_rows"
    assert Finding.model_validate_json(old.model_dump_json()) == old
