"""Trains ladders of small networks on a language whose entropies are known exactly, and writes what they scored.

Modules, in the order in which a run meets them:

- `config`: what is trained, as frozen documents with a content digest.
- `random_words`, `language`, `skills`, `data`, `items`: the corpus and the item sets, bit for bit from a seed.
- `network`, `optimizer`, `train`: the transformer, its optimiser with anytime weight averaging, many steps a dispatch.
- `evaluate`, `checkpoint`, `run`: scores as rows of data, resumable to the bit.
- `sweep`, `price`: many runs on this machine; what they will cost before they start.

Nothing here is imported before it is needed: `config` and `price` work without JAX.
"""
