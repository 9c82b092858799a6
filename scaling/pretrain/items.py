"""Item sets made once for a corpus and used by every run: validation rows, skill items, language items.

Language items cost no forward pass of their own: they are places in the validation rows. An *ng_k* item names two
tokens that could come next; the order-k predictor holds one at least 3 times likelier, and the predictors of all
lower orders hold them equal. "Equal" is enforced twice: by a tolerance on each ratio, and by balance - of the items,
every pattern of which candidate the lower orders lean to is used equally often, so each lower-order predictor is
right on exactly half of them.
"""

import hashlib
import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float64, Int, UInt8

from scaling.errors import CorruptStore, InvalidInput
from scaling.pretrain.config import CorpusConfig
from scaling.pretrain.data import Source, make_source, with_bos
from scaling.pretrain.language import ORDER, TOKEN_COUNT, Language
from scaling.pretrain.random_words import words
from scaling.pretrain.skills import BOS, all_skills

CONTRAST = np.log(3.0)
"""Least |log ratio| of the two candidates of an ng_k item under the order-k predictor."""

TOLERANCE = np.log(1.25)
"""Largest |log ratio| of the two candidates under any predictor of lower order."""


@final
@dataclass(frozen=True)
class ItemSets:
    """What every run of a corpus is evaluated on.

    - `validation`: validation rows, batch by batch.
    - `is_language`: which of them hold the language.
    - `tasks`: one skill item a row, skills in order, `task_item_count` rows each, padded with BOS.
    - `ngram`: for k = 1, 2, 3 an item's validation row, place of the predicted token, right and wrong candidate.
    - `best`: the source's most likely next token at every predicted place of the language rows with full context.
    - `oracle_losses`: loss of the best predictor of order 0 ... 3 on those same places, nats per token.
    - `entropies`: their exact expectations H_0 ... H_3.
    """

    validation: UInt8[np.ndarray, "row place"]
    is_language: UInt8[np.ndarray, " row"]
    tasks: UInt8[np.ndarray, "item place"]
    ngram: Int[np.ndarray, "order item 4"]
    best: UInt8[np.ndarray, "row place"]
    oracle_losses: Float64[np.ndarray, " order"]
    entropies: Float64[np.ndarray, " order"]

    def digest(self) -> str:
        """SHA-256 over all integers in the item sets (the float columns follow from them)."""
        state = hashlib.sha256()
        for array in (self.validation, self.is_language, self.tasks, self.ngram, self.best):
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()


def make_item_sets(source: Source) -> ItemSets:
    """The item sets of a corpus. Raises `InvalidInput` where the validation rows offer too few ng items."""
    config, language = source.config, source.language
    batches = source.validation_batches()
    rows = batches.reshape(-1, batches.shape[-1])
    in_batch = np.arange(batches.shape[1]) < config.composition.language_rows
    is_language = np.tile(in_batch, len(batches)).astype(np.uint8)
    text = rows[is_language == 1].astype(np.int64)
    contexts = language_contexts(text)
    targets = text[:, 1 + ORDER :]
    flat = contexts.reshape(-1, ORDER)
    losses = [_mean_loss(language, flat, targets.reshape(-1), order) for order in range(ORDER + 1)]
    return ItemSets(
        validation=rows,
        is_language=is_language,
        tasks=_task_rows(source),
        ngram=np.stack([_ngram_items(source, contexts, is_language, order) for order in range(1, ORDER + 1)]),
        best=language.tokens[tuple(np.moveaxis(contexts, -1, 0))][..., 0],
        oracle_losses=np.array(losses),
        entropies=np.array(language.entropies),
    )


def language_contexts(text: Int[np.ndarray, "row place"]) -> Int[np.ndarray, "row target 3"]:
    """The three tokens before each target that has three (row[0] is BOS), latest first."""
    ends = np.arange(ORDER, text.shape[1] - 1)
    return np.stack([text[:, ends - back] for back in range(ORDER)], axis=-1)


def _mean_loss(language: Language, contexts: np.ndarray, targets: np.ndarray, order: int) -> float:
    predicted = language.predict(contexts, order=order)
    return float(-np.log(predicted[np.arange(len(targets)), targets]).mean())


def _task_rows(source: Source) -> UInt8[np.ndarray, "item place"]:
    count = source.config.task_item_count
    longest = max(skill.instance_length for skill in source.skills.values())
    out = np.full((len(source.skills) * count, 1 + longest), BOS, np.uint8)
    for index, (name, skill) in enumerate(source.skills.items()):
        out[index * count : (index + 1) * count, : 1 + skill.instance_length] = with_bos(
            source.skill_items(name, count)
        )
    return out


def _ngram_items(source: Source, contexts: np.ndarray, is_language: np.ndarray, order: int) -> np.ndarray:
    """Balanced ng items of one order, as rows of (validation row, place, right, wrong)."""
    count = source.config.ngram_item_count
    places, first, second, lean, right_is_first = _candidate_pairs(source, contexts, order)
    wanted = count >> order
    # A random one of the two is called right-hand: flip, so that "leans to the right answer" is counted per order.
    pattern = np.zeros(len(places), dtype=np.int64)
    for lower in range(order):
        pattern |= (lean[:, lower] == right_is_first).astype(np.int64) << lower
    chosen = [np.flatnonzero(pattern == one)[:wanted] for one in range(1 << order)]
    if (fewest := min(map(len, chosen))) < wanted:
        raise InvalidInput(
            f"ng{order} needs {wanted} items of each of {1 << order} kinds, but the validation rows offer {fewest} of "
            f"one. Lower ngram_item_count ({count}) or raise validation_batches ({source.config.validation_batches})."
        )
    keep = np.sort(np.concatenate(chosen))
    row = np.flatnonzero(is_language)[places[keep] // contexts.shape[1]]
    place = places[keep] % contexts.shape[1] + 1 + ORDER
    right = np.where(right_is_first[keep], first[keep], second[keep])
    wrong = np.where(right_is_first[keep], second[keep], first[keep])
    return np.stack([row, place, right, wrong], axis=-1)


def _candidate_pairs(source: Source, contexts: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    """One random eligible pair of tokens for each eligible place, each (context, pair) once.

    Returns the place (flat index of `contexts`), the two tokens, whether each lower order leans to the first, and
    whether order k does.
    """
    flat = contexts.reshape(-1, ORDER)
    first, second = np.triu_indices(TOKEN_COUNT, k=1)
    tie = words(("ngram", source.config.seed, order), len(flat))
    seen: set[tuple[int, ...]] = set()
    found = []
    for start in range(0, len(flat), 1024):
        block = flat[start : start + 1024]
        logs = [np.log(source.language.predict(block, order=k)) for k in range(order + 1)]
        ratios = [log[:, first] - log[:, second] for log in logs]
        eligible = np.abs(ratios[order]) >= CONTRAST
        for lower in range(order):
            eligible &= np.abs(ratios[lower]) <= TOLERANCE
        for index in np.flatnonzero(eligible.any(axis=1)):
            pairs = np.flatnonzero(eligible[index])
            pair = int(pairs[int(tie[start + index]) % len(pairs)])
            key = (*block[index, :order].tolist(), pair)
            if key in seen:
                continue
            seen.add(key)
            leans = [ratios[lower][index, pair] > 0 for lower in range(order)]
            found.append((start + int(index), first[pair], second[pair], leans, ratios[order][index, pair] > 0))
    places, one, two, lean, right = zip(*found, strict=True) if found else ((), (), (), np.zeros((0, order)), ())
    return np.array(places, np.int64), np.array(one), np.array(two), np.array(lean, bool), np.array(right, bool)


def stored_corpus(config: CorpusConfig, folder: Path) -> tuple[Source, ItemSets]:
    """The source and its item sets, kept in `folder` after the first call, so that each run need not build them.

    The file is named by the corpus's digest and written atomically. Raises `CorruptStore` where it cannot be read.
    """
    path = folder / f"corpus-{config.digest()[:16]}.npz"
    if not path.exists():
        source = make_source(config)
        _write(path, source.language, make_item_sets(source))
    try:
        # Opened here: NumPy leaves a file that is no archive open.
        with path.open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise CorruptStore(f"{path} cannot be read ({error}). Delete it; it is built again.") from error
    language = Language(tokens=arrays["language_tokens"], weights=arrays["language_weights"])
    items = ItemSets(**{field.name: arrays[field.name] for field in fields(ItemSets)})
    return Source(config=config, language=language, skills=all_skills(config.seed)), items


def _write(path: Path, language: Language, items: ItemSets) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}-{os.getpid()}.npz")
    arrays = {field.name: getattr(items, field.name) for field in fields(ItemSets)}
    np.savez(partial, language_tokens=language.tokens, language_weights=language.weights, **arrays)
    partial.replace(path)
