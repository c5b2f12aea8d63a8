"""What models can is looked at within a time, whatever of them answers slowly or not at all."""

from typing import Any, cast

from flowml.assistant.model import NotRunning
from flowml.assistant.ollama.client import Installed, Ollama, Shown
from flowml.assistant.ollama.looking import UNKNOWN, Looks


class Slow:
    """Shows models, some of them after a while or never."""

    def __init__(self, takes: dict[str, float], never: str = ""):
        self.now, self.takes, self.never = 0.0, takes, never
        self.asked: list[str] = []

    def show(self, name: str, seconds: float, **_: Any) -> Shown:
        self.asked.append(name)
        takes = self.takes.get(name, 0.1)
        self.now += min(takes, seconds)
        if takes > seconds or name.startswith(self.never or "?"):
            raise NotRunning("It does not answer.")
        return Shown(frozenset({"completion"}), 4_096)


def test_slow_models_hold_up_none_that_is_asked_for() -> None:
    models = [Installed(name, name, 1) for name in ("a", "b", "c", "d")]
    server = Slow({"a": 99.0, "b": 99.0})
    looks = Looks(lambda: server.now)
    looks.look(cast(Ollama, server), models, 3.0)
    assert server.now == 3.0 and server.asked == ["a"]
    for _ in range(3):
        looks.look(cast(Ollama, server), models, 3.0)
    assert server.now <= 12.0
    assert [looks.shown(model).is_known for model in models] == [False, False, True, True]


def test_what_is_known_is_not_asked_again_unless_it_is_another_model() -> None:
    server = Slow({}, never="x")
    looks = Looks(lambda: server.now)
    mine, theirs = Installed("a", "1", 1), Installed("x", "1", 1)
    for _ in range(2):
        looks.look(cast(Ollama, server), [mine, theirs], 3.0)
    assert server.asked == ["a", "x", "x"] and looks.shown(theirs) is UNKNOWN
    looks.look(cast(Ollama, server), [Installed("a", "2", 1)], 3.0)
    assert server.asked[3:] == ["a"] and looks.shown(mine) is UNKNOWN, "what is gone is forgotten"
