"""What a node says of itself, read with bounds: one odd node may not break what the others are together."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

MOST_GPUS = 32
_MOST_LIBRARIES = 16
_Words = Annotated[str, Field(max_length=300)]
_Version = Annotated[str, Field(max_length=50)] | None
_Amount = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
_Cores = Annotated[int, Field(ge=1, le=65_536)]


@dataclass(frozen=True)
class _Card:
    index: Annotated[int, Field(ge=0, le=1_024)]
    name: _Words
    vram_gb: _Amount
    vram_free_gb: _Amount


@dataclass(frozen=True)
class _Library:
    device: Annotated[str, Field(max_length=20)] | None
    reason: Annotated[str, Field(max_length=2_000)] | None = None


@dataclass(frozen=True)
class _Described:
    cpu_count: _Cores
    cpu_count_logical: _Cores
    total_ram_gb: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
    available_ram_gb: _Amount
    gpus: Annotated[tuple[_Card, ...], Field(max_length=MOST_GPUS)] = ()
    gpu_libraries: Annotated[dict[_Words, _Library], Field(max_length=_MOST_LIBRARIES)] | None = None
    disk_free_gb: _Amount | None = None
    gpu_driver_version: _Version = None
    cuda_version: _Version = None
    platform: _Words = ""
    sklearn_version: _Version = None
    xgboost_version: _Version = None
    lightgbm_version: _Version = None
    catboost_version: _Version = None
    torch_version: _Version = None


_DESCRIBED: TypeAdapter[_Described] = TypeAdapter(_Described)


def parse_description(told: Any) -> dict[str, Any] | None:
    """What `node.describe` returned, as `machine.capabilities.probe` has it; None where it is nothing that a node
    says."""
    try:
        found = asdict(_DESCRIBED.validate_python(told))
    except (ValidationError, OverflowError):
        return None
    cards = list(found["gpus"])
    libraries = found["gpu_libraries"] or {}
    return found | {"gpus": cards, "has_gpu": bool(cards), "gpu_count": len(cards), "gpu_libraries": libraries}
