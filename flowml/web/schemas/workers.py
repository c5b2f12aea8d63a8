"""What workers send and hear."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import to_json

from flowml.domain.names import shown
from flowml.domain.protocol import MOST_WORDS, PROTOCOL
from flowml.domain.trials import Offer, TrialReport, TrialStatus
from flowml.domain.workers import LONGEST_TEXT, MOST_BYTES, MOST_FIGURE, MOST_GPUS, MOST_LIBRARIES, WorkerStatus
from flowml.domain.workers import GPULoad as DomainGPULoad
from flowml.domain.workers import Load as DomainLoad
from flowml.services.fleet.workers import Working
from flowml.web.schemas.base import Answer, Body, Listing, Object, Query, Sent, Timestamp

MOST_SLOTS = 10_000
MOST_MEMORY_BYTES = 2**46
"""So much for each of that many slots is still a number that every table and every sum here takes."""
_MOST_CAPABILITIES_BYTES = 64_000
_MOST_DEPTH = 10
_LONGEST_PLACE = 200


def _visible(name: str) -> str:
    if shown(name) != name:
        raise ValueError("A name has no control or other invisible characters, and no blanks around it.")
    return name


def _small(value: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [value]
    for _ in range(_MOST_DEPTH):
        level = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]
        level = [item for item in level if isinstance(item, dict | list)]
    if level or len(to_json(value)) > _MOST_CAPABILITIES_BYTES:
        raise ValueError(
            f"“capabilities” takes at most {_MOST_CAPABILITIES_BYTES:,} bytes and {_MOST_DEPTH} levels of nesting."
        )
    return value


class _OfAMachine(BaseModel):
    """The part of a machine's capabilities that this server reads. The rest is kept as it came."""

    model_config = ConfigDict(strict=True)


_Figure = Annotated[float, Field(ge=0, le=MOST_FIGURE, allow_inf_nan=False)]
_Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class _GPU(_OfAMachine):
    vram_gb: _Figure
    index: int = Field(0, ge=0, le=MOST_GPUS)
    name: _Text = ""


class _GPULibrary(_OfAMachine):
    device: _Text | None = None
    reason: _Text | None = None


class _Capabilities(_OfAMachine):
    cpu_count: int | None = Field(None, ge=0, le=int(MOST_FIGURE))
    cpu_count_logical: int | None = Field(None, ge=0, le=int(MOST_FIGURE))
    total_ram_gb: _Figure | None = None
    available_ram_gb: _Figure | None = None
    disk_free_gb: _Figure | None = None
    speed_score: _Figure | None = None
    gpus: list[_GPU] | None = Field(None, max_length=MOST_GPUS, fail_fast=True)
    gpu_libraries: dict[Annotated[str, Field(max_length=100)], _GPULibrary] | None = Field(
        None, max_length=MOST_LIBRARIES
    )
    gpu_driver_version: _Text | None = None
    cuda_version: _Text | None = None
    largest_trial_bytes: int | None = Field(None, ge=0, le=MOST_BYTES)


def _readable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        _Capabilities.model_validate(value)
    except ValidationError as refused:
        first = refused.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, ("capabilities", *first["loc"])))[:_LONGEST_PLACE]
        raise ValueError(f"“{shown(where)}” is not what a machine has: {first['msg']}.") from refused
    return value


def _in_a_line(words: str) -> str:
    return shown(" ".join(words.split()), MOST_WORDS)


_Words = Annotated[str, Field(max_length=MOST_WORDS), AfterValidator(_in_a_line)]
_Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_visible)]
_Queue = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_visible)]
_Queues = Annotated[list[_Queue], Field(max_length=50, fail_fast=True)]
_Id = Annotated[str, Field(min_length=1, max_length=100)]
_Attempt = Annotated[int, Field(ge=1, le=10**9)]
_Score = Annotated[float, Field(allow_inf_nan=False)]
# Null: it is no number, as of a fold with one class alone.
_Scores = Annotated[list[_Score | None], Field(max_length=1_000, fail_fast=True)]
_Life = Annotated[str | None, Field(max_length=100, description="another one for each start of its process")]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Bytes = Annotated[int, Field(ge=0, le=MOST_MEMORY_BYTES)]
_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Register(Body):
    """A machine that joins."""

    name: _Name
    capabilities: Annotated[Object, AfterValidator(_small), AfterValidator(_readable)] = Field(
        {}, description="what `flowml worker --probe` prints"
    )
    queues: _Queues = Field(["cpu"], description="whose trials it takes")
    slots: int = Field(1, ge=0, le=MOST_SLOTS, description="how many trials it trains at once")
    threads: int = Field(1, ge=1, le=10_000, description="threads of one trial")
    memory_bytes: _Bytes = Field(0, description="memory of one trial")
    protocol: int = Field(PROTOCOL, ge=0, le=10**6)
    instance: _Name | None = Field(None, description="tells two machines of one name apart")
    life: _Life = None


class Registered(Answer):
    """What a worker is called here, and how often it is to be heard of."""

    worker_id: str
    name: str
    heartbeat_seconds: float
    offline_after_seconds: float
    protocol: int


class Program(Answer):
    """The file that this server runs from. The address and the shape of this answer are the same in every version of
    the protocol."""

    version: str
    protocol: int
    sha256: str
    size_bytes: int


class Running(Body):
    """A trial that a worker works on, and the scores of the folds that it has done."""

    trial_id: _Id
    attempt: _Attempt
    fold_scores: _Scores = Field([])


_Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class _Said(Sent):
    # What else a worker says of itself, another version's perhaps, is left out.
    model_config = ConfigDict(extra="ignore", frozen=True)


class GPULoad(_Said):
    """How busy a card is."""

    index: Annotated[int, Field(ge=0, le=10_000)]
    memory_used_bytes: _Bytes
    memory_total_bytes: _Bytes
    utilization_percent: _Percent | None = None


class Load(_Said):
    """How busy a machine is, all its programs together."""

    cpu_percent: _Percent
    memory_used_bytes: _Bytes
    memory_total_bytes: _Bytes
    gpus: list[GPULoad] = Field([], max_length=64, fail_fast=True)


class Heartbeat(Body):
    """A worker is there, and works on these."""

    worker_id: _Id
    life: _Life = None
    load: Object = Field({}, description="cores, memory and GPUs in use: see Load; of any other form it is left out")
    running: list[_Id | Running] = Field(
        [], max_length=10_000, fail_fast=True, description="ids of trials, or with the attempt and how far each is"
    )

    @model_validator(mode="after")
    def each_once(self) -> "Heartbeat":
        if len({one.trial_id for one in self.working()}) < len(self.running):
            raise ValueError("Name each trial once.")
        return self

    def working(self) -> list[Working]:
        return [
            Working(one) if isinstance(one, str) else Working(one.trial_id, one.attempt, _numbers(one.fold_scores))
            for one in self.running
        ]

    def said_load(self) -> DomainLoad | None:
        """How busy it says that it is, if it can be understood: a machine that cannot say it trains all the same."""
        try:
            load = Load.model_validate(self.load)
        except ValidationError:
            return None
        gpus = tuple(DomainGPULoad(**gpu.model_dump()) for gpu in load.gpus)
        return DomainLoad(load.cpu_percent, load.memory_used_bytes, load.memory_total_bytes, gpus)


class Stop(Answer):
    """The trials that a worker should abandon."""

    stop: list[str]


class Free(Body):
    """What a worker has free for a trial."""

    queues: _Queues = Field(["cpu"])
    memory_bytes: int = Field(ge=0, lt=2**63)
    vram_gb: float = Field(0.0, ge=0, le=1e6, allow_inf_nan=False)

    def offer(self) -> Offer:
        return Offer(tuple(self.queues), self.memory_bytes, self.vram_gb)


class Ask(Free):
    """What a worker has free for a trial, and how long it waits for one."""

    worker_id: _Id
    wait_seconds: float = Field(25.0, ge=0, le=60, allow_inf_nan=False)


class Watch(Body):
    """Whose trials are watched, which of them are known to be abandoned, and how long."""

    worker_id: _Id
    known: list[_Id] = Field([], max_length=10_000, fail_fast=True)
    wait_seconds: float = Field(25.0, ge=0, le=60, allow_inf_nan=False)


class Leave(Body):
    """A worker that ends."""

    worker_id: _Id


class GiveBack(Body):
    """Why somebody does not go on with a trial; with neither, because they end or nobody wants it."""

    reason: _Words | None = Field(None, description="what broke down while it was worked on")
    fault: _Words | None = Field(None, description="what is wrong with the machine, whatever it works on")


class Needs(Answer):
    """What a trial takes of a machine."""

    queue: str
    memory_bytes: int
    vram_gb: float
    prefers: str | None = Field(description="a queue whose machines have it first, where they are free")


class Lease(Answer):
    """The right to evaluate one trial."""

    trial_id: str
    job_id: str
    owner: str
    attempt: int
    lease_seconds: float
    algorithm: str
    params: dict[str, Any]
    number: int
    seconds_left: float
    max_rows: int | None
    bar: float | None
    needs: Needs
    failures: int = Field(description="how often a machine has broken down with it before")


class Leased(Answer):
    """A lease, or none: nothing came in this time."""

    lease: Lease | None


class DatasetName(Answer):
    """A data set."""

    id: str
    name: str


class GPULoadAnswer(Answer):
    """How busy a card is."""

    index: int
    memory_used_bytes: int
    memory_total_bytes: int
    utilization_percent: float | None


class LoadAnswer(Answer):
    """How busy a machine is, all its programs together."""

    cpu_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    gpus: list[GPULoadAnswer]


class Worker(Answer):
    """A machine that trains; this server's own is one of them."""

    id: str
    name: str
    status: WorkerStatus
    queues: list[str]
    slots: int = Field(description="how many trials it trains at once")
    running: int
    capabilities: dict[str, Any]
    registered_at: Timestamp
    last_seen_at: Timestamp
    trials_finished: int
    set_aside: str | None = Field(description="why it is given no more trials, in words")
    datasets: list[DatasetName] = Field(description="those whose tables it has been given")
    load: LoadAnswer | None = Field(description="as it said when it was last heard of; null where it did not")


class WorkerList(Listing[Worker]):
    """A part of a list, and how many there are in all."""


class Peer(Answer):
    """A machine of the tailnet."""

    name: str
    addresses: list[str]
    online: bool


class Tailscale(Answer):
    """The private network of this machine's owner, where there is one."""

    installed: bool
    running: bool
    self: Peer | None = Field(description="this machine")
    peers: list[Peer]


class JoinToken(Answer):
    """A new worker token, and the command that it is for."""

    name: str
    token: str
    command: str


class QueueState(Answer):
    """Where trials wait, and how many machines take them."""

    name: str
    workers: int
    waiting: int
    running: int


class Cluster(Answer):
    """All machines that train for this server."""

    tailscale: Tailscale
    join_command: str
    workers_online: int
    slots_total: int
    slots_free: int
    queues: list[QueueState]


class AttemptQuery(Query):
    """Which attempt at a trial a call is about."""

    attempt: _Attempt


class Uploaded(Answer):
    """How far a file has arrived."""

    received_bytes: int | None = Field(description="null: all of it")


class Report(Body):
    """The outcome of a trial; its files were handed over before."""

    status: Literal["finished", "pruned", "failed", "cancelled"]
    score: _Score | None = None
    fold_scores: _Scores = Field([])
    metrics: dict[Annotated[str, Field(max_length=100)], _Score | None] | None = Field(None, max_length=100)
    fit_seconds: _Seconds = 0.0
    predict_ms: _Seconds | None = None
    error: _Words | None = None
    out_of_fold: _Sha256 | None = None
    model: _Sha256 | None = None
    tested_on: str | None = Field(None, max_length=200)
    free: Free | None = Field(None, description="with it, the next trial is leased as well where one waits")

    @model_validator(mode="after")
    def whole(self) -> "Report":
        if self.status == "finished" and None in (self.score, self.out_of_fold, self.model, self.tested_on):
            raise ValueError(
                "A finished trial has a score, out-of-fold predictions, a model, and what it was tested on."
            )
        return self

    def outcome(self) -> TrialReport:
        values = {**self.model_dump(exclude={"free"}), "status": TrialStatus(self.status)}
        values["fold_scores"] = _numbers(self.fold_scores)
        return TrialReport(**values)

    def offer(self) -> Offer | None:
        return None if self.free is None else self.free.offer()


class Reported(Answer):
    """Whether an outcome came in time to count, and the next trial where one was asked for and waits."""

    accepted: bool
    lease: Lease | None = None


def _numbers(scores: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if score is None else score for score in scores)
