"""The `.flowml` file: a zip of a JSON manifest and each predictor's arrays or native form.

Reading one runs no code from it, whoever wrote it: arrays are `.npy` without pickle, booster files are parsed by
their own library's data format. Sizes and counts are bounded before anything is unpacked.
"""

import io
import json
import zipfile
from collections.abc import Mapping
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
_MAX_RATIO = 2_000


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
        archive.writestr(_MANIFEST, json.dumps(manifest, default=_plain, ensure_ascii=False, separators=(",", ":")))
    return buffer.getvalue()


def read(path: Path) -> FittedModel:
    """The model in a file. Raises InvalidInput, in words, for anything that is not a whole `.flowml` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_bounds(archive)
            manifest = json.loads(archive.read(_MANIFEST))
            if manifest["format"] > FORMAT:
                raise InvalidInput(
                    f"“{path.name}” was written by a newer version of FlowML.", hint="Use that version, or a later one."
                )
            return _model(manifest, archive)
    except FileNotFoundError:
        raise InvalidInput(f"There is no file “{path.name}”.") from None
    except FlowMLError:
        raise
    except (
        zipfile.BadZipFile,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        EOFError,
        IndexError,
        RecursionError,
    ) as error:
        raise InvalidInput(f"“{path.name}” is not a FlowML model file, or it is damaged.") from error


def _model(manifest: Mapping[str, Any], archive: zipfile.ZipFile) -> FittedModel:
    encoders = tuple(Encoder.of(state) for state in manifest["encoders"])
    members = tuple(
        Member(
            algorithm=str(member["algorithm"]),
            params=dict(member["params"]),
            weight=float(member["weight"]),
            parts=tuple(_part(part, archive, len(encoders)) for part in member["parts"]),
        )
        for member in manifest["members"]
    )
    if not members or not all(member.parts for member in members):
        raise ValueError("a model without members")
    return FittedModel(ModelSchema.of(manifest["schema"]), encoders, members)


def _part(state: Mapping[str, Any], archive: zipfile.ZipFile, n_encoders: int) -> Part:
    number = int(state["encoder"])
    if not 0 <= number < n_encoders:
        raise ValueError("a part names an encoder that is not there")
    return Part(number, _read_predictor(state["predictor"], archive))


def _write_state(archive: zipfile.ZipFile, state: PredictorState, folder: str) -> dict[str, Any]:
    for name, array in state.arrays.items():
        with archive.open(f"{folder}/{name}.npy", "w") as file:
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    for name, blob in state.blobs.items():
        archive.writestr(f"{folder}/{name}.bin", blob)
    return {
        "kind": state.kind,
        "settings": dict(state.settings),
        "folder": folder,
        "arrays": list(state.arrays),
        "blobs": list(state.blobs),
    }


def _read_predictor(state: Mapping[str, Any], archive: zipfile.ZipFile) -> Predictor:
    folder = str(state["folder"])
    arrays = {}
    for name in state["arrays"]:
        with archive.open(f"{folder}/{name}.npy") as file:
            arrays[str(name)] = np.lib.format.read_array(file, allow_pickle=False)
    blobs = {str(name): archive.read(f"{folder}/{name}.bin") for name in state["blobs"]}
    return load(PredictorState(str(state["kind"]), state["settings"], arrays, blobs))


def _check_bounds(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    if len(entries) > _MAX_ENTRIES or total > _MAX_BYTES:
        raise InvalidInput("This model file is larger than any that FlowML writes.")
    for entry in entries:
        if entry.file_size > _MAX_RATIO * max(entry.compress_size, 100):
            raise InvalidInput("This model file expands beyond measure; it is damaged or made to do harm.")
        if entry.filename == _MANIFEST and entry.file_size > _MAX_MANIFEST_BYTES:
            raise InvalidInput("The description in this model file is larger than any that FlowML writes.")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
