"""A server of one model file: the model that answers there in the place of those of a store, and a place for what
passes through. Nothing is stored."""

import hashlib
import re
import secrets
import statistics
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flowml.domain.errors import Damaged, InvalidInput, NotFound
from flowml.services.context import Context, NoTrainers
from flowml.services.serving.figures import Figures
from flowml.services.serving.loaded import Loaded
from flowml.services.settings import Settings
from flowml.store.room import Room

if TYPE_CHECKING:
    from flowml.automl.model.model import FittedModel
    from flowml.store.store import Store

_TIMED_ROWS = 5
_SHOWN_HASH = 12


class OneModel:
    """`Models` of a server that has one. It answers under its name, and under the hash of its file as a whole or by its
    first 12 digits."""

    def __init__(self, loaded: Loaded, path: Path):
        self.figures = Figures()
        self.loaded = loaded
        self._path = path
        self._known: tuple[int, ...] | None = None
        """What the file looked like when it was the same as the one in memory."""
        self.only: str | None = loaded.id
        self._names = frozenset((loaded.id, loaded.file, loaded.file[:_SHOWN_HASH]))
        threading.Thread(target=loaded.fitted.one_row.prepare, daemon=True).start()

    def peek(self, context: Context, model_id: str) -> Loaded | None:
        """The model, if it is the one that this names."""
        return self.loaded if model_id in self._names else None

    def load(self, context: Context, model_id: str) -> Loaded:
        """The same. Raises NotFound for any other."""
        if model_id not in self._names:
            raise NotFound(
                f"There is no model “{model_id[:100]}” here.",
                hint=f"This server has one, “{self.loaded.id}”; `flowml serve-model --name` calls it otherwise.",
            )
        return self.loaded

    def use(self, context: Context, loaded: Loaded) -> None:
        """Nothing: it makes room for no other."""

    def warm_soon(self, context: Context, model_id: str) -> None:
        """Nothing: it is in memory."""

    def file(self, context: Context, loaded: Loaded) -> Path:
        """The file that it was read from. Raises Damaged for one that is another one by now."""
        try:
            found = _looks_of(self._path)
            sha256 = loaded.file if found == self._known else hashlib.sha256(self._path.read_bytes()).hexdigest()
        except OSError:
            found, sha256 = None, ""
        if sha256 != loaded.file:
            raise Damaged(_changed(self._path), hint="Start it again; single rows are answered from memory.")
        self._known = found
        return self._path


class Passing:
    """What such a server has of a store: room in a folder for what is on its way through. Whatever asks it for anything
    else belongs on a server that has one."""

    def __init__(self, folder: Path):
        self.room = Room(folder)
        self.files = self
        self.damage: str | None = None
        self._folder = folder

    def new_temp(self) -> Path:
        """A path that does not exist yet."""
        return self._folder / secrets.token_hex(12)


def context_of_one(settings: Settings, loaded: Loaded, path: Path, folder: Path) -> Context:
    """What services need for this model, which was read from `path`. `folder`: for what passes through."""
    store = cast("Store", Passing(folder))
    models = OneModel(loaded, path)
    return Context(settings=settings, store=store, clock=time.time, trainers=NoTrainers(), models=models)


def name_for(path: Path) -> str:
    """What a model is called in addresses: its file's name, without what does not belong there.

    >>> name_for(Path("models/Titanic (survived).flowml"))
    'Titanic-survived'
    """
    return re.sub(r"[^0-9A-Za-z._~-]+", "-", path.stem).strip("-.") or "model"


def read_model(path: Path, name: str | None = None, tried: str | None = None) -> Loaded:
    """The model in a file that may come from anywhere, ready to answer. `tried`: the hash of the content that another
    process of this server has had tried already, or that somebody vouches for. Raises InvalidInput, in words, for one
    that cannot be used, or is another one."""
    from flowml.automl.model import foreign

    if tried is None:
        # It imports what it needs while this process does.
        foreign.FORKSERVER.warm()
    from flowml.automl.model import modelfile

    if tried is None:
        tried = foreign.try_foreign(path)
        # Nobody asks it for another one.
        foreign.FORKSERVER.close()
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if tried is not None and sha256 != tried:
        raise InvalidInput(f"“{path.name}” is not the file that was tried or named: its SHA-256 is {sha256}.")
    # Where no process could be started that tries it, this one does.
    fitted = modelfile.read_bytes(content, path.name, tried=tried is None)
    if any(name not in sys.modules for name in fitted.libraries):
        # Single rows need none of the boosters' libraries then, whose import takes a second.
        fitted.one_row.prepare()
    name = name or name_for(path)
    loaded = Loaded(name, name, sha256, fitted, _predict_ms(fitted))
    if loaded.answers_at_once:
        return loaded
    # Large forests are quick enough when they are prepared, as they are where a server has trained them.
    fitted.one_row.prepare()
    return replace(loaded, predict_ms=_predict_ms(fitted))


def _looks_of(path: Path) -> tuple[int, ...]:
    """What changes with a file. Raises OSError."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _changed(path: Path) -> str:
    return f"“{path.name}” was changed since this server has started."


def _predict_ms(fitted: "FittedModel") -> float:
    """Milliseconds that a row takes here, once the look-ups are made."""
    row: dict[str, Any] = {feature.name: feature.example for feature in fitted.schema.inputs}
    try:
        clean, _ = fitted.check_row(row)
    except InvalidInput:
        clean, _ = fitted.check_row({})
    taken = []
    for _ in range(_TIMED_ROWS + 1):
        began = time.perf_counter()
        fitted.predict_row(clean)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken[1:])
