"""Counts and FLOPs as people write them, and units of loss."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.errors import InvalidInput, UnitMismatch
from scaling.units import LossUnit, format_count, format_flops, nats_per_token, parse_count


@pytest.mark.parametrize(
    ("text", "value"),
    [("70B", 70e9), ("1.4T", 1.4e12), ("1e24", 1e24), ("350_000_000", 3.5e8), ("1,400k", 1.4e6), (" 2.5 M ", 2.5e6)],
)
def test_counts_are_read_as_people_write_them(text, value):
    assert parse_count(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "B", "70X", "seven", "1e", "nan", "1e999", "1 2"])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(InvalidInput, match="is no count"):
        parse_count(text)


@given(st.floats(1.0, 9.99e14))
def test_written_counts_read_back_within_their_digits(value):
    written = format_count(value)
    assert "e" not in written
    assert parse_count(written) == pytest.approx(value, rel=0.0051)


@given(st.floats(1.0, 1e30))
def test_written_flops_read_back_within_their_digits(value):
    assert float(format_flops(value)) == pytest.approx(value, rel=0.0051)


def test_flops_are_written_short():
    assert [format_flops(value) for value in (1e24, 6.47e10, 2.5e21, math.inf)] == ["1e24", "6.47e10", "2.5e21", "∞"]
    assert format_count(2.6e11, digits=2) == "260B"


def test_bits_per_byte_are_nats_per_token_by_the_tokenizer():
    # Methods of comparing tokenizers: BPB = (tokens / bytes) L_nats / ln 2.
    loss = nats_per_token(0.9, unit=LossUnit.BITS_PER_BYTE, bytes_per_token=4.2)
    assert loss / math.log(2) / 4.2 == pytest.approx(0.9)
    with pytest.raises(UnitMismatch, match="bytes per token"):
        nats_per_token(0.9, unit=LossUnit.BITS_PER_BYTE)
