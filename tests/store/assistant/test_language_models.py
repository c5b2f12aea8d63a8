"""What was found out about language models is known of each machine alone."""

from dataclasses import replace

from flowml.domain.assistant.language_models import SERVER, ModelProbe
from flowml.store.store import Store

MINE = ModelProbe(SERVER, "d", "0.12", True, None, 1.0)


def test_what_a_worker_claims_says_nothing_of_the_server(store: Store) -> None:
    found = store.language_models
    found.remember(replace(MINE, machine="kiwi", plain=False))
    assert found.probe(SERVER, "d", "0.12") is None
    found.remember(MINE)
    assert found.probe(SERVER, "d", "0.12") == MINE
    assert found.probe("kiwi", "d", "0.12") == replace(MINE, machine="kiwi", plain=False)


def test_one_that_invents_models_makes_no_other_forgotten(store: Store) -> None:
    found = store.language_models
    found.remember(MINE)
    for number in range(102):
        found.remember(ModelProbe("kiwi", str(number), "0.12", True, None, 10.0 + number))
    assert found.probe("kiwi", "1", "0.12") is None and found.probe("kiwi", "2", "0.12") is not None
    assert found.probe(SERVER, "d", "0.12") == MINE
