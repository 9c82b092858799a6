"""Trains ladders of small networks on a language whose entropies are known exactly, and writes what they scored.

Modules, in the order in which a run meets them:

- `config`: what is trained, as frozen documents with a content digest; `price`: what that will cost.
- `random_words`, `language`, `skills`, `data`, `items`: the corpus and the item sets, bit for bit from a seed.
- `network`, `optimizer`, `train`: the transformer, its optimiser with anytime weight averaging, many steps a dispatch.
- `evaluate`, `checkpoint`, `run`, `worker`: one run in a process of its own, resumable to the bit.
- `files`, `records`, `table`, `sweep`: many runs on this machine, and their observations as tables.

Only `network`, `optimizer`, `train`, `evaluate`, `checkpoint` and `run` import JAX; a sweep's own process does not.
"""
