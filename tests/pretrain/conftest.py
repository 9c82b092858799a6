import pytest

from scaling.pretrain.config import CorpusConfig
from scaling.pretrain.data import Source, make_source
from scaling.pretrain.items import ItemSets, make_item_sets

SMALL = CorpusConfig(validation_batches=4, ngram_item_count=512, task_item_count=256)


@pytest.fixture(scope="session")
def source() -> Source:
    return make_source(SMALL)


@pytest.fixture(scope="session")
def items(source: Source) -> ItemSets:
    return make_item_sets(source)
