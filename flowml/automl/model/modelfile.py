"""The `.flowml` file: a zip of a JSON manifest and each predictor's arrays or native form.

Reading one runs no code from it, whoever wrote it. What it consists of is measured before it is unpacked
(`container.py`), arrays are numbers and nothing else, a booster's own model is written anew before its library sees it,
and what would be looked up is known to be there.
"""

import contextlib
import copyreg
import hashlib
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flowml.automl.features.encoder import Encoder
from flowml.automl.model.container import HASHES, MANIFEST, Container, Unfit, bombs
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel
from flowml.automl.model.pooling import Pooling
from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, load
from flowml.automl.schema.schema import ModelSchema
from flowml.domain.errors import FlowMLError, InvalidInput
from flowml.domain.wording import shortened

# The version that has to say the hashes of all entries.
_HASHED = 4
# 2: temperature, decision and pooling, which a reader of 1 would not heed. 3: the recipe. 4: intervals and sets
# at any coverage, and the hashes of the entries.
FORMAT = 4
_FINGERPRINT = "_fingerprint"
_BLOB = ".bin"
_LIBRARIES = {b"CBM1": "catboost", b"tree": "lightgbm", b'{"le': "xgboost"}
_MAX_PARTS = 5_000
_WEIGHTS_TOLERANCE = 1e-3

# What a zip, its compression, JSON, a header or a value of the wrong kind is refused with.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


def write(model: FittedModel) -> bytes:
    """The model as the bytes of a `.flowml` file."""
    content, refused = _pack(model, frozenset())
    # An array of little else than zeros would shrink to what a reader takes for a bomb; it goes in as it is.
    return _pack(model, refused)[0] if refused else content


def _pack(model: FittedModel, stored: frozenset[str]) -> tuple[bytes, frozenset[str]]:
    """The file, and the names of its entries that `read` would refuse. `stored` are not compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        writer = _Writer(archive, stored)
        members = [
            {
                "algorithm": member.algorithm,
                "params": dict(member.params),
                "weight": member.weight,
                "parts": [
                    {
                        "encoder": part.encoder,
                        "predictor": writer.put_predictor(part.predictor.to_state(), f"parts/{number}-{index}"),
                    }
                    for index, part in enumerate(member.parts)
                ],
            }
            for number, member in enumerate(model.members)
        ]
        manifest = {
            "format": FORMAT,
            "schema": model.schema.state(),
            "encoders": [encoder.state() for encoder in model.encoders],
            "members": members,
            "temperature": model.temperature,
            "decision": None if model.decision is None else list(model.decision),
            "pooling": str(model.pooling),
            HASHES: writer.hashes,
        }
        text = _json(manifest)
        writer.put(MANIFEST, text.encode())
        refused = bombs(archive.infolist())
    return buffer.getvalue(), refused


def read(path: Path, *, tried: bool = True) -> FittedModel:
    """The model in a file. Raises InvalidInput, in words, for anything that is not a whole `.flowml` file.

    `tried`: each part of it answers a row, for which its library is imported. A file that this program has just
    written needs no trial, and whoever has no time left has none for that import.
    """
    return _read(path, path.name, tried)


def libraries_of(path: Path) -> frozenset[str]:
    """The libraries whose own models are in a file, by how those begin; none for a file that is no model file."""
    with contextlib.suppress(InvalidInput, *_DAMAGE), path.open("rb") as file:
        return frozenset(_LIBRARIES.get(start, "unknown") for start in Container(file).beginnings(_BLOB))
    return frozenset()


def fingerprint(model: FittedModel) -> str:
    """The same for models whose files are the same; worked out once a model."""
    known: str | None = vars(model).get(_FINGERPRINT)
    if known is None:
        known = vars(model)[_FINGERPRINT] = hashlib.blake2b(write(model), digest_size=16).hexdigest()
    return known


def read_bytes(content: bytes, name: str = "The model", *, tried: bool = True, is_own: bool = False) -> FittedModel:
    """The model in what `write` gave; `name` is what errors call it. As `read`, and raises as it does.

    `is_own`: this program has written it, as is known by its hash. Then a booster's model is believed as it is, which
    takes a part of the time.
    """
    return _read(io.BytesIO(content), name, tried, is_own)


def _read(source: Path | io.BytesIO, name: str, tried: bool, is_own: bool = False) -> FittedModel:
    try:
        with source.open("rb") if isinstance(source, Path) else source as file:
            container = Container(file)
            manifest = container.manifest()
            if not isinstance(manifest, dict) or isinstance(manifest.get("format"), bool | float | str | None):
                raise Unfit("its description does not say of which version it is")
            if int(manifest["format"]) < 1:
                raise Unfit("there is no such version as its description says")
            if int(manifest["format"]) > FORMAT:
                raise InvalidInput(
                    f"“{name}” was written by a newer version of FlowML.", hint="Use that version, or a later one."
                )
            if int(manifest["format"]) >= _HASHED:
                container.expect(manifest.get(HASHES))
            # What earlier versions have written may have to be written anew.
            model = _model(manifest, container, is_own and manifest["format"] == FORMAT)
    except FileNotFoundError:
        raise InvalidInput(f"There is no file “{name}”.") from None
    except FlowMLError:
        raise
    except _DAMAGE as error:
        raise InvalidInput(f"“{name}” is not a FlowML model file, or it is damaged: {_reason(error)}.") from error
    if tried:
        widths = [encoder.n_features for encoder in model.encoders]
        for part in (part for member in model.members for part in member.parts):
            checking.tried(part.predictor, widths[part.encoder], model.schema.classes)
    return model


def _reason(error: Exception) -> str:
    """What is wrong, in words: ours, or a translation of a library's, which are not meant for people."""
    words = str(error)
    match error:
        case Unfit():
            return words
        case zipfile.BadZipFile():
            return (
                "a part of it does not fit its checksum" if "CRC" in words else "it is no zip archive, or a broken one"
            )
        case zlib.error() | EOFError():
            return "a part of it cannot be unpacked"
        case KeyError() if error.args and isinstance(error.args[0], str):
            return f"its description lacks, or this version does not know, “{shortened(error.args[0])}”"
        case MemoryError():
            return "it takes more memory than there is"
        case OSError():
            return "it cannot be read"
    return "its description does not fit together"


def _model(manifest: Mapping[str, Any], container: Container, is_own: bool) -> FittedModel:
    schema = ModelSchema.of(manifest["schema"])
    encoders = tuple(Encoder.of(state) for state in manifest["encoders"])
    known = set(schema.roles)
    if len(known) < len(schema.features):
        raise Unfit("two of its columns have one name")
    if not all(set(encoder.column_names) <= known for encoder in encoders):
        raise Unfit("one of its encoders reads columns that it has not")
    if (
        schema.n_outputs > checking.MAX_OUTPUTS
        or sum(len(member["parts"]) for member in manifest["members"]) > _MAX_PARTS
    ):
        raise Unfit("it has more classes or parts than any model")
    widths = [encoder.n_features for encoder in encoders]
    members = tuple(
        Member(
            algorithm=str(member["algorithm"]),
            params=dict(member["params"]),
            weight=float(member["weight"]),
            parts=tuple(_part(part, container, widths, is_own) for part in member["parts"]),
        )
        for member in manifest["members"]
    )
    if not members or not all(member.parts for member in members):
        raise Unfit("it is a model without members")
    weights = [member.weight for member in members]
    if not all(weight >= 0.0 for weight in weights) or not abs(sum(weights) - 1.0) < _WEIGHTS_TOLERANCE:
        raise Unfit("the shares of its members do not add up to 1")
    # Files of earlier versions say nothing of calibration, decision and pooling.
    pooling = Pooling(manifest.get("pooling", Pooling.MEAN))
    if pooling is Pooling.LOG and schema.classes is None:
        raise Unfit("it pools logarithms of numbers, which only probabilities have")
    temperature, decision = _temperature(manifest, schema), _decision(manifest, schema)
    return FittedModel(schema, encoders, members, temperature, decision, pooling)


def _temperature(manifest: Mapping[str, Any], schema: ModelSchema) -> float | None:
    found = manifest.get("temperature")
    if found is None:
        return None
    if schema.classes is None or not 0.01 <= float(found) <= 100:
        raise Unfit("its temperature is out of range")
    return float(found)


def _decision(manifest: Mapping[str, Any], schema: ModelSchema) -> tuple[float, ...] | None:
    found = manifest.get("decision")
    if found is None:
        return None
    multipliers = tuple(float(value) for value in found)
    if schema.classes is None or len(multipliers) != len(schema.classes):
        raise Unfit("its decision is about other classes")
    if not all(math.isfinite(value) and value > 0 for value in multipliers):
        raise Unfit("its decision has factors that are not above 0")
    return multipliers


def _part(state: Mapping[str, Any], container: Container, widths: Sequence[int], is_own: bool) -> Part:
    number = int(state["encoder"])
    if not 0 <= number < len(widths):
        raise Unfit("one of its parts names an encoder that is not there")
    # Before anything believes it: memory is taken for so many features.
    if int(state["predictor"]["settings"].get("n_features", widths[number])) != widths[number]:
        raise Unfit("one of its predictors takes another number of features than its encoder gives")
    predictor = _read_predictor(state["predictor"], container, is_own)
    if not predictor.takes(widths[number]):
        raise Unfit("one of its predictors takes another number of features than its encoder gives")
    return Part(number, predictor)


@dataclass(frozen=True)
class _Writer:
    archive: zipfile.ZipFile
    stored: frozenset[str]
    hashes: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, content: bytes) -> None:
        if name != MANIFEST:
            self.hashes[name] = hashlib.sha256(content).hexdigest()
        # Without the time, so that the same model is the same bytes.
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o600 << 16
        method = zipfile.ZIP_STORED if name in self.stored else zipfile.ZIP_DEFLATED
        self.archive.writestr(entry, content, method, compresslevel=1)

    def put_predictor(self, state: PredictorState, folder: str) -> dict[str, Any]:
        """Its arrays and blobs as entries; returns what the manifest says of it."""
        for name, array in state.arrays.items():
            file = io.BytesIO()
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
            self.put(f"{folder}/{name}.npy", file.getvalue())
        for name, blob in state.blobs.items():
            self.put(f"{folder}/{name}{_BLOB}", blob)
        return {
            "kind": state.kind,
            "settings": dict(state.settings),
            "folder": folder,
            "arrays": list(state.arrays),
            "blobs": list(state.blobs),
        }


class _Arrays(Mapping[str, np.ndarray]):
    """The arrays of a predictor by their names, unpacked when it asks for them: those that its kind has no use for
    never are. `entries`: where each is."""

    def __init__(self, entries: Mapping[str, str], container: Container):
        self._entries = entries
        self._container = container
        self._taken: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._taken:
            self._taken[name] = self._container.take_array(self._entries[name])
        return self._taken[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _read_predictor(state: Mapping[str, Any], container: Container, is_own: bool) -> Predictor:
    folder = str(state["folder"])
    arrays = _Arrays({str(name): f"{folder}/{name}.npy" for name in state["arrays"]}, container)
    blobs = {str(name): container.take(f"{folder}/{name}{_BLOB}") for name in state["blobs"]}
    return load(PredictorState(str(state["kind"]), dict(state["settings"]), arrays, blobs, is_own))


def _json(manifest: Mapping[str, Any]) -> str:
    try:
        return json.dumps(manifest, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        # Where a figure is none, JSON has none either.
        loose = json.loads(json.dumps(manifest, default=_plain), parse_constant=lambda word: None)
        return json.dumps(loose, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def _as_file(model: FittedModel) -> tuple[Callable[[bytes], FittedModel], tuple[bytes]]:
    return read_bytes, (write(model),)


# Pickled as the bytes of its file, which need no library to be of the same version.
copyreg.pickle(FittedModel, _as_file)
