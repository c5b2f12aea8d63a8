"""The `.flowml` file: a zip of a JSON manifest and each predictor's arrays or native form.

Reading one runs no code from it, whoever wrote it: arrays are `.npy` without pickle, booster files are parsed by
their own library's data format. Sizes and counts are bounded before anything is unpacked.
"""

import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flowml.automl.features.encoder import Encoder
from flowml.automl.model import FittedModel, Member, Part
from flowml.automl.predictors.base import Predictor, PredictorState, load
from flowml.automl.schema import ModelSchema
from flowml.domain.errors import FlowMLError, InvalidInput

FORMAT = 1
_MANIFEST = "manifest.json"
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
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        members = [
            {
                "algorithm": member.algorithm,
                "params": dict(member.params),
                "weight": member.weight,
                "parts": [
                    {
                        "encoder": part.encoder,
                        "predictor": _write_state(archive, part.predictor.to_state(), f"parts/{number}-{index}"),
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
        }
        text = json.dumps(manifest, default=_plain, ensure_ascii=False, separators=(",", ":"))
        _put(archive, _MANIFEST, text.encode())
    return buffer.getvalue()


def read(path: Path) -> FittedModel:
    """The model in a file. Raises InvalidInput, in words, for anything that is not a whole `.flowml` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_bounds(archive)
            manifest = json.loads(archive.read(_MANIFEST))
            if int(manifest["format"]) > FORMAT:
                raise InvalidInput(
                    f"“{path.name}” was written by a newer version of FlowML.", hint="Use that version, or a later one."
                )
            return _model(manifest, archive)
    except FileNotFoundError:
        raise InvalidInput(f"There is no file “{path.name}”.") from None
    except FlowMLError:
        raise
    except _DAMAGE as error:
        raise InvalidInput(f"“{path.name}” is not a FlowML model file, or it is damaged.") from error


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
            parts=tuple(_part(part, archive, encoders, schema.n_outputs) for part in member["parts"]),
        )
        for member in manifest["members"]
    )
    if not members or not all(member.parts for member in members):
        raise ValueError("a model without members")
    return FittedModel(schema, encoders, members)


def _part(state: Mapping[str, Any], archive: zipfile.ZipFile, encoders: Sequence[Encoder], n_outputs: int) -> Part:
    number = int(state["encoder"])
    if not 0 <= number < len(encoders):
        raise ValueError("a part names an encoder that is not there")
    predictor = _read_predictor(state["predictor"], archive)
    sizes = getattr(predictor, "n_features", encoders[number].n_features), getattr(predictor, "n_outputs", n_outputs)
    if sizes != (encoders[number].n_features, n_outputs):
        raise ValueError("a predictor that does not fit its encoder")
    return Part(number, predictor)


def _write_state(archive: zipfile.ZipFile, state: PredictorState, folder: str) -> dict[str, Any]:
    for name, array in state.arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
        _put(archive, f"{folder}/{name}.npy", file.getvalue())
    for name, blob in state.blobs.items():
        _put(archive, f"{folder}/{name}.bin", blob)
    return {
        "kind": state.kind,
        "settings": dict(state.settings),
        "folder": folder,
        "arrays": list(state.arrays),
        "blobs": list(state.blobs),
    }


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # An array of little else than zeros would shrink to what a reader takes for a bomb.
    shrinks = len(content) > _SMALL and len(zlib.compress(content, 1)) * _MAX_RATIO < 2 * len(content)
    archive.writestr(name, content, zipfile.ZIP_STORED if shrinks else zipfile.ZIP_DEFLATED)


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
        if entry.file_size > max(_SMALL, _MAX_RATIO * entry.compress_size):
            raise InvalidInput("This model file expands beyond measure; it is damaged or made to do harm.")
        if entry.filename == _MANIFEST and entry.file_size > _MAX_MANIFEST_BYTES:
            raise InvalidInput("The description in this model file is larger than any that FlowML writes.")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
