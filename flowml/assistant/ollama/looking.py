"""What the models of a server can, looked at one after the other and remembered for as long as they stay the same."""

from collections.abc import Callable, Mapping, Sequence
from threading import Event

from flowml.assistant.model import NoAnswer
from flowml.assistant.ollama.client import Installed, Ollama, Shown

Key = tuple[str, str]
_ONE_SECONDS = 3.0
UNKNOWN = Shown(None, None)


class Looks:
    """Those of one server. A server that shows one of its models slowly holds up none that is asked for: what there is
    no time for is looked at the next time, what could not be shown last of all."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._known: dict[Key, Shown | None] = {}

    def look(self, server: Ollama, models: Sequence[Installed], seconds: float, stopped: Event | None = None) -> None:
        """Ask about those that are not known, for so long."""
        known: Mapping[Key, Shown | None] = self._known
        self._known = {key: known[key] for model in models if (key := _key(model)) in known}
        end = self._clock() + seconds
        strangers = [model for model in models if _key(model) not in self._known]
        failed = [model for model in models if _key(model) in self._known and self._known[_key(model)] is None]
        for model in (*strangers, *failed):
            left = end - self._clock()
            if left <= 0:
                return
            try:
                self._known[_key(model)] = server.show(model.name, min(left, _ONE_SECONDS), stopped=stopped)
            except NoAnswer:
                # It went just now, or cannot be shown: whoever asks it hears why.
                self._known[_key(model)] = None

    def shown(self, model: Installed) -> Shown:
        """What is known of it; UNKNOWN where nothing is."""
        return self._known.get(_key(model)) or UNKNOWN


def _key(model: Installed) -> Key:
    return model.name, model.digest
