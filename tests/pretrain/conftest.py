from pathlib import Path

import pytest

from scaling.pretrain.config import CorpusConfig
from scaling.pretrain.data import Source, make_source
from scaling.pretrain.items import ItemSets, make_item_sets, stored_corpus

SMALL = CorpusConfig(validation_batches=4, ngram_item_count=512, task_item_count=256)
TINY = CorpusConfig(validation_batches=1, ngram_item_count=8, task_item_count=16)


@pytest.fixture(scope="session")
def source() -> Source:
    return make_source(SMALL)


@pytest.fixture(scope="session")
def items(source: Source) -> ItemSets:
    return make_item_sets(source)


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the stored corpus of `TINY`."""
    folder = tmp_path_factory.mktemp("tiny") / "corpus"
    stored_corpus(TINY, folder)
    return folder
