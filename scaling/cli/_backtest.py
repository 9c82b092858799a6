"""A back-test as a table and as JSON: what `fit`, `fits show` and `backtest` print alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scaling.cli._output import write_table

if TYPE_CHECKING:
    from scaling.posterior import BacktestSummary

HEADERS = ("beyond the runs fitted", "forecasts", "MRE, %", "bias, %", "90 % cover, %", "width, %", "CRPS, nats")


def backtest_facts(summaries: Sequence[BacktestSummary]) -> list[dict[str, Any]]:
    """The scores by extrapolation factor, for JSON."""
    return [summary.model_dump(mode="json") for summary in summaries]


def write_backtest(title: str, summaries: Sequence[BacktestSummary]) -> None:
    """The scores by extrapolation factor, as a table on stdout."""
    write_table(title, HEADERS, [_row(summary) for summary in summaries])


def _row(summary: BacktestSummary) -> tuple[str, ...]:
    low, high = summary.factor_above, summary.factor_at_most
    return (
        f"over {low:g}x" if math.isinf(high) else f"{low:g}x to {high:g}x",
        str(summary.forecasts),
        f"{100 * summary.mean_relative_error:.2f}",
        f"{100 * summary.bias:+.2f}",
        f"{100 * summary.cover:.0f}",
        f"{100 * summary.mean_width:.2f}",
        f"{summary.crps:.4f}",
    )
