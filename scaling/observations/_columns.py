"""Which column of a table holds what: roles, their own names, and what other tools call them.

A header is taken for a role when it is the role's name, or one of the names that carry the unit
(`loss_nats_per_token`, `nonembedding_size`). What other tools call it (`params`, `D`) is offered in the error
message and never guessed: `params` counts the embedding in one file and not in the next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from scaling.errors import InvalidInput, InvalidObservations, UnitMismatch, Violation
from scaling.units import LossUnit, SizeConvention, parse_count

SIZE_NAMES: Mapping[str, SizeConvention | None] = {
    "size": None,
    "nonembedding_size": SizeConvention.NON_EMBEDDING,
    "size_with_head": SizeConvention.WITH_HEAD,
    "total_size": SizeConvention.TOTAL,
    "active_size": SizeConvention.ACTIVE,
}
LOSS_NAMES: Mapping[str, LossUnit | None] = {
    "loss": None,
    "loss_nats_per_token": LossUnit.NATS_PER_TOKEN,
    "loss_bits_per_token": LossUnit.BITS_PER_TOKEN,
    "loss_bits_per_byte": LossUnit.BITS_PER_BYTE,
}


@final
@dataclass(frozen=True)
class Role:
    """One thing a column can hold: its name, what it means, its own names, and what others call it."""

    name: str
    meaning: str
    own_names: tuple[str, ...]
    synonyms: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Source:
    """Where a role is read from: a header, and the factor that brings it to the role's unit."""

    header: str
    factor: float = 1.0


ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(
            "size",
            "parameters N",
            tuple(SIZE_NAMES),
            (
                "n",
                "params",
                "n_params",
                "num_params",
                "parameters",
                "model_size",
                "params_active_precise",
                "model size",
            ),
        ),
        Role(
            "tokens",
            "training tokens D",
            ("tokens", "token_count"),
            ("d", "n_tokens", "num_tokens", "t_tokens", "training_tokens", "tokens_seen", "train_tokens"),
        ),
        Role(
            "loss",
            "validation loss",
            tuple(LOSS_NAMES),
            ("final_loss", "val_loss", "validation_loss", "loss_validation", "eval_loss", "eval/loss", "l", "nll"),
        ),
        Role(
            "compute",
            "training FLOPs C",
            ("compute", "compute_flops"),
            ("c", "flops", "flops_c", "training flop", "training_flops", "train_flops", "flop"),
        ),
        Role(
            "run",
            "the run a checkpoint belongs to",
            ("run",),
            ("run_name", "run_id", "name", "model", "model_name", "seed", "hyper_id"),
        ),
        Role("validation_set", "the text the loss was measured on", ("validation_set",), ("val", "dataset", "val_set")),
        Role("size_convention", "what the size counts", ("size_convention",), ("param_count",)),
        Role("cooled", "whether the learning rate had been brought down", ("cooled",), ("annealed", "decayed")),
        Role("tokenizer", "what cut the text into tokens", ("tokenizer",), ("vocab", "tokenizer_name")),
        Role("task", "the task scored", ("task",), ("task_name", "eval", "benchmark", "dataset")),
        Role("metric", "the metric of the score", ("metric",), ("metric_name", "measure")),
        Role(
            "score", "score between 0 and 1", ("score",), ("acc", "accuracy", "value", "exact_match", "em", "acc_norm")
        ),
        Role(
            "item_count",
            "number of test items behind the score",
            ("item_count",),
            ("n_examples", "n_items", "num_examples", "count", "n", "samples", "n-samples"),
        ),
        Role("chance", "score of guessing", ("chance",), ("chance_level", "random_baseline", "baseline", "random")),
    )
}


def parse_columns(text: str, *, covariates: Sequence[str] = ()) -> dict[str, str]:
    """Read `size=params,tokens=D*1e9` as a mapping from role to header (with an optional factor).

    The names of `covariates` are roles too.

    Raises `InvalidInput` for a part that is no `role=header`, an unknown role or one given twice.
    """
    columns: dict[str, str] = {}
    violations = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        role, equals, header = part.partition("=")
        role, header = role.strip(), header.strip()
        if not equals or not role or not header:
            violations.append(Violation(f"columns, {part!r}", "write role=header, such as size=params"))
        elif role in columns:
            violations.append(Violation(f"columns, {part!r}", f"{role!r} is given twice"))
        else:
            columns[role] = header
    violations += _unknown_roles(columns, covariates)
    if violations:
        raise InvalidInput("The column mapping cannot be read.", violations)
    return columns


def resolve(
    headers: Sequence[str],
    *,
    required: Iterable[str],
    optional: Iterable[str],
    columns: Mapping[str, str] | None = None,
    size_convention: SizeConvention | None = None,
    covariates: Sequence[str] = (),
) -> dict[str, Source]:
    """Find the header of each role; raises `InvalidObservations` that lists every column not found at once.

    - `columns`: role to header, as given by the user; `header*1e9` brings billions to counts.
    - `size_convention`: decides between `nonembedding_size` and `total_size` where a table has both.
    - `covariates`: names that are roles too; each is read from a column of its name, or from one mapped to it.
    """
    columns = dict(columns or {})
    required, optional = tuple(required), tuple(optional)
    violations = _unknown_roles(columns, covariates)
    sources: dict[str, Source] = {}
    for name in (*required, *optional):
        if name in columns:
            source = _mapped(columns[name], headers)
            if source is None:
                violations.append(Violation(f"column {columns[name]!r}", f"not in the table. {_there_are(headers)}"))
            else:
                sources[name] = source
            continue
        own = _own_headers(name, headers, size_convention)
        if len(own) > 1:
            ways = " or ".join(f"{name}={header}" for header in own)
            violations.append(Violation(f"column {name!r}", f"{len(own)} columns could be it: map {ways}"))
        elif own:
            sources[name] = Source(own[0])
        elif name in required:
            violations.append(Violation(f"column {name!r}", _missing(_role(name), headers)))
    if violations:
        raise InvalidObservations("The table's columns do not say what they hold.", violations)
    return sources


def convention_of(source: Source, given: SizeConvention | None) -> SizeConvention:
    """The size convention a header states, or the one given; raises `UnitMismatch` where they differ."""
    stated = SIZE_NAMES.get(source.header)
    if stated is not None and given not in (None, stated):
        raise UnitMismatch(
            f"The column {source.header!r} counts sizes as {stated}, but {given} was asked for.",
            [Violation("size_convention", "map the column that counts so, or leave the convention out")],
        )
    return stated or given or SizeConvention.UNSPECIFIED


def loss_unit_of(source: Source, given: LossUnit | None) -> LossUnit:
    """The loss unit a header states, or the one given, or nats per token; raises `UnitMismatch` where they differ."""
    stated = LOSS_NAMES.get(source.header)
    if stated is not None and given not in (None, stated):
        raise UnitMismatch(
            f"The column {source.header!r} is in {stated}, but {given} was stated.",
            [Violation("loss_unit", f"leave it out, or map a column that is in {given}")],
        )
    return stated or given or LossUnit.NATS_PER_TOKEN


def _mapped(text: str, headers: Sequence[str]) -> Source | None:
    """A header, or `header*factor`; None where there is no such header."""
    if text in headers:
        return Source(text)
    header, star, factor = text.rpartition("*")
    if star and header.strip() in headers:
        return Source(header.strip(), parse_count(factor))
    return None


def _own_headers(name: str, headers: Sequence[str], convention: SizeConvention | None) -> list[str]:
    found = [header for header in headers if header in _role(name).own_names]
    if name == "size" and len(found) > 1 and convention is not None:
        return [header for header in found if SIZE_NAMES[header] is convention] or found
    return found


def _missing(role: Role, headers: Sequence[str]) -> str:
    folded = {header.lower().strip(): header for header in headers}
    likely = [folded[word] for word in (role.name, *role.own_names, *role.synonyms) if word in folded]
    if not likely:
        near = difflib.get_close_matches(role.name, list(folded), n=2, cutoff=0.6)
        likely = [folded[word] for word in near]
    hint = f"Did you mean {' or '.join(f'{role.name}={header}' for header in likely[:3])}? " if likely else ""
    return f"missing ({role.meaning}). {hint}{_there_are(headers)} Map it with columns, such as {role.name}=HEADER"


def _there_are(headers: Sequence[str]) -> str:
    shown = ", ".join(headers[:20]) + (f" and {len(headers) - 20} more" if len(headers) > 20 else "")
    return f"The table has: {shown or 'no columns'}."


def _role(name: str) -> Role:
    return ROLES[name] if name in ROLES else Role(name, "a covariate of the law", (name,))


def _unknown_roles(columns: Mapping[str, str], covariates: Sequence[str]) -> list[Violation]:
    return [
        Violation(f"columns, {role!r}", f"no such role; there are {', '.join((*ROLES, *covariates))}")
        for role in columns
        if role not in ROLES and role not in covariates
    ]
