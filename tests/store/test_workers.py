"""This machine is one worker, whatever it is called."""

from flowml.store.store import Store


def test_this_machine_stays_the_same_worker_under_another_name(store: Store) -> None:
    first = store.workers.register_local("laptop", ("cpu",), 2, {}, 1.0)
    assert store.workers.register_local("desktop", ("cpu",), 4, {}, 2.0) == first
    (worker,) = store.workers.all()
    assert (worker.name, worker.slots) == ("desktop", 4)
