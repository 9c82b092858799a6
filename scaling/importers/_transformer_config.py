"""Parameters of a Hugging Face model, counted from the shapes in its `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaling.importers._files import positive
from scaling.units import SizeConvention


def sizes_of_config(config: Mapping[str, Any]) -> dict[SizeConvention, float]:
    r"""Weights of the blocks and the last norm, with the output head, and in all; empty for an architecture not known.

    - `gpt2`, `gpt_neox`: $12 h^2 + 13 h$ a block (matrices, biases, two norms), $2 h$ for the last norm.
    - `llama`, `mistral`: $2 h^2 + 2 h k$ for attention (k: the width of keys), $3 h f$ for a gated MLP, $2 h$ gains.

    Embeddings are $V h$; a tied head is counted with the head, and once in all. GPT-2's positions count in all only.
    """
    kind = str(config.get("model_type"))
    if kind in ("gpt2", "gpt_neox"):
        return _gpt(config, kind)
    if kind in ("llama", "mistral"):
        return _llama(config)
    return {}


def _gpt(config: Mapping[str, Any], kind: str) -> dict[SizeConvention, float]:
    names = ("n_embd", "n_layer") if kind == "gpt2" else ("hidden_size", "num_hidden_layers")
    width, layers = (positive(config.get(name)) for name in names)
    words = positive(config.get("vocab_size"))
    if width is None or layers is None or words is None:
        return {}
    inner = positive(config.get("n_inner" if kind == "gpt2" else "intermediate_size")) or 4.0 * width
    block = 4.0 * width**2 + 2.0 * width * inner + 8.0 * width + inner + width
    positions = (positive(config.get("n_positions")) or 1024.0) * width if kind == "gpt2" else 0.0
    tied = bool(config.get("tie_word_embeddings", kind == "gpt2"))
    return _counts(layers * block + 2.0 * width, words * width, tied=tied, positions=positions)


def _llama(config: Mapping[str, Any]) -> dict[SizeConvention, float]:
    names = ("hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "vocab_size")
    width, layers, inner, heads, words = (positive(config.get(name)) for name in names)
    if width is None or layers is None or inner is None or heads is None or words is None:
        return {}
    per_head = positive(config.get("head_dim")) or width / heads
    keys = (positive(config.get("num_key_value_heads")) or heads) * per_head
    block = 2.0 * width * heads * per_head + 2.0 * width * keys + 3.0 * width * inner + 2.0 * width
    tied = bool(config.get("tie_word_embeddings", False))
    return _counts(layers * block + width, words * width, tied=tied, positions=0.0)


def _counts(body: float, embedding: float, *, tied: bool, positions: float) -> dict[SizeConvention, float]:
    return {
        SizeConvention.NON_EMBEDDING: body,
        SizeConvention.WITH_HEAD: body + embedding,
        SizeConvention.TOTAL: body + embedding * (1.0 if tied else 2.0) + positions,
    }
