"""The `.flowml` file: a zip of a JSON manifest and each predictor's arrays or native form.

Reading one runs no code from it, whoever wrote it: arrays are `.npy` without pickle, booster files are parsed by
their own library's data format. Sizes and counts are bounded before anything is unpacked.
"""

import copyreg
import hashlib
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowml.automl.features.encoder import Encoder
from flowml.automl.model.model import FittedModel, Member, Part
from flowml.automl.model.pooling import Pooling
from flowml.automl.predictors import checking
from flowml.automl.predictors.base import Predictor, PredictorState, load
from flowml.automl.schema.schema import ModelSchema
from flowml.domain.errors import FlowMLError, InvalidInput

# 2: temperature, decision and pooling, which a reader of 1 would not heed. 3: the recipe.
FORMAT = 3
_MANIFEST = "manifest.json"
_FINGERPRINT = "_fingerprint"
_MAX_ENTRIES = 50_000
_MAX_BYTES = 4_000_000_000
_MAX_MANIFEST_BYTES = 300_000_000
_MAX_RATIO = 200
_SMALL = 1_000_000

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
    content, bombs = _pack(model, frozenset())
    # An array of little else than zeros would shrink to what a reader takes for a bomb; it goes in as it is.
    return _pack(model, bombs)[0] if bombs else content


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
        }
        text = json.dumps(manifest, default=_plain, ensure_ascii=False, separators=(",", ":"))
        writer.put(_MANIFEST, text.encode())
        bombs = frozenset(entry.filename for entry in archive.infolist() if _expands_too_much(entry))
    return buffer.getvalue(), bombs


def read(path: Path, *, tried: bool = True) -> FittedModel:
    """The model in a file. Raises InvalidInput, in words, for anything that is not a whole `.flowml` file.

    `tried`: each part of it answers a row, for which its library is imported. A file that this program has just
    written needs no trial, and whoever has no time left has none for that import.
    """
    return _read(path, path.name, tried)


def fingerprint(model: FittedModel) -> str:
    """The same for models whose files are the same; worked out once a model."""
    known: str | None = vars(model).get(_FINGERPRINT)
    if known is None:
        known = vars(model)[_FINGERPRINT] = hashlib.blake2b(write(model), digest_size=16).hexdigest()
    return known


def read_bytes(content: bytes) -> FittedModel:
    """The model in what `write` gave. Raises as `read` does."""
    return _read(io.BytesIO(content), "The model", True)


def _read(source: Path | io.BytesIO, name: str, tried: bool) -> FittedModel:
    try:
        with zipfile.ZipFile(source) as archive:
            _check_bounds(archive)
            manifest = json.loads(archive.read(_MANIFEST))
            if int(manifest["format"]) > FORMAT:
                raise InvalidInput(
                    f"“{name}” was written by a newer version of FlowML.", hint="Use that version, or a later one."
                )
            model = _model(manifest, archive)
    except FileNotFoundError:
        raise InvalidInput(f"There is no file “{name}”.") from None
    except FlowMLError:
        raise
    except _DAMAGE as error:
        raise InvalidInput(f"“{name}” is not a FlowML model file, or it is damaged.") from error
    if tried:
        for part in (part for member in model.members for part in member.parts):
            checking.tried(part.predictor, model.encoders[part.encoder].n_features, model.schema.n_outputs)
    return model


def _model(manifest: Mapping[str, Any], archive: zipfile.ZipFile) -> FittedModel:
    schema = ModelSchema.of(manifest["schema"])
    encoders = tuple(Encoder.of(state) for state in manifest["encoders"])
    known = set(schema.roles)
    if not all(set(encoder.column_names) <= known for encoder in encoders):
        raise ValueError("an encoder of columns that are not there")
    members = tuple(
        Member(
            algorithm=str(member["algorithm"]),
            params=dict(member["params"]),
            weight=float(member["weight"]),
            parts=tuple(_part(part, archive, encoders) for part in member["parts"]),
        )
        for member in manifest["members"]
    )
    if not members or not all(member.parts for member in members):
        raise ValueError("a model without members")
    # Files of earlier versions say nothing of calibration, decision and pooling.
    pooling = Pooling(manifest.get("pooling", Pooling.MEAN))
    if pooling is Pooling.LOG and schema.classes is None:
        raise ValueError("logarithms of values")
    temperature, decision = _temperature(manifest, schema), _decision(manifest, schema)
    return FittedModel(schema, encoders, members, temperature, decision, pooling)


def _temperature(manifest: Mapping[str, Any], schema: ModelSchema) -> float | None:
    found = manifest.get("temperature")
    if found is None:
        return None
    if schema.classes is None or not 0.01 <= float(found) <= 100:
        raise ValueError("a calibration that cannot be")
    return float(found)


def _decision(manifest: Mapping[str, Any], schema: ModelSchema) -> tuple[float, ...] | None:
    found = manifest.get("decision")
    if found is None:
        return None
    multipliers = tuple(float(value) for value in found)
    if schema.classes is None or len(multipliers) != len(schema.classes):
        raise ValueError("a decision about other classes")
    if not all(math.isfinite(value) and value > 0 for value in multipliers):
        raise ValueError("a decision that cannot be made")
    return multipliers


def _part(state: Mapping[str, Any], archive: zipfile.ZipFile, encoders: Sequence[Encoder]) -> Part:
    number = int(state["encoder"])
    if not 0 <= number < len(encoders):
        raise ValueError("a part names an encoder that is not there")
    n_features = encoders[number].n_features
    # Before anything believes it: memory is taken for so many features.
    if int(state["predictor"]["settings"].get("n_features", n_features)) != n_features:
        raise ValueError("a predictor that does not fit its encoder")
    predictor = _read_predictor(state["predictor"], archive)
    if getattr(predictor, "n_features", n_features) != n_features:
        raise ValueError("a predictor that does not fit its encoder")
    return Part(number, predictor)


@dataclass(frozen=True)
class _Writer:
    archive: zipfile.ZipFile
    stored: frozenset[str]

    def put(self, name: str, content: bytes) -> None:
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
            self.put(f"{folder}/{name}.bin", blob)
        return {
            "kind": state.kind,
            "settings": dict(state.settings),
            "folder": folder,
            "arrays": list(state.arrays),
            "blobs": list(state.blobs),
        }


def _read_predictor(state: Mapping[str, Any], archive: zipfile.ZipFile) -> Predictor:
    folder = str(state["folder"])
    arrays = {str(name): _read_array(archive.read(f"{folder}/{name}.npy")) for name in state["arrays"]}
    blobs = {str(name): archive.read(f"{folder}/{name}.bin") for name in state["blobs"]}
    return load(PredictorState(str(state["kind"]), dict(state["settings"]), arrays, blobs))


def _read_array(content: bytes) -> np.ndarray:
    """A `.npy` whose header is checked against what follows it before any memory is taken for it."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise ValueError("an array that is not what its header says")
    flat = np.frombuffer(content, dtype, offset=file.tell())
    # A copy, since a view of bytes cannot be written to and need not be aligned.
    return flat.reshape(shape, order="F" if fortran_order else "C").copy()


def _check_bounds(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    if len(entries) > _MAX_ENTRIES or total > _MAX_BYTES:
        raise InvalidInput("This model file is larger than any that FlowML writes.")
    for entry in entries:
        if _expands_too_much(entry):
            raise InvalidInput("This model file expands beyond measure; it is damaged or made to do harm.")
        if entry.filename == _MANIFEST and entry.file_size > _MAX_MANIFEST_BYTES:
            raise InvalidInput("The description in this model file is larger than any that FlowML writes.")


def _expands_too_much(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size > max(_SMALL, _MAX_RATIO * entry.compress_size)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def _as_file(model: FittedModel) -> tuple[Callable[[bytes], FittedModel], tuple[bytes]]:
    return read_bytes, (write(model),)


# Pickled as the bytes of its file, which need no library to be of the same version.
copyreg.pickle(FittedModel, _as_file)
