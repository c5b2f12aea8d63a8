"""A trainer's channel over HTTP.

What a connection loses is asked for again: a server that starts anew, or a network that is gone for a while, costs a
running trial nothing. Files go in pieces and are gone on with where they broke off.
"""

import hashlib
import math
import random
import ssl
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from flowml.domain.channel import JobBrief
from flowml.domain.errors import (
    FlowMLError,
    Forbidden,
    InvalidInput,
    LeaseLost,
    NotFound,
    NotReady,
    StartupError,
    WrongState,
)
from flowml.domain.protocol import LENGTH, MOST_WORDS, OFFSET, PIECE_BYTES
from flowml.domain.trials import Beat, Lease, Offer, TrialReport
from flowml.domain.workers import Load
from flowml.worker.cache import Cache


@dataclass(frozen=True)
class _Leased:
    lease: Lease | None


@dataclass(frozen=True)
class _Received:
    received_bytes: int | None


@dataclass(frozen=True)
class _Stop:
    stop: list[str]


@dataclass(frozen=True)
class _Accepted:
    accepted: bool
    lease: Lease | None = None


_BRIEF: TypeAdapter[JobBrief] = TypeAdapter(JobBrief)
_LEASED: TypeAdapter[_Leased] = TypeAdapter(_Leased)
_RECEIVED: TypeAdapter[_Received] = TypeAdapter(_Received)
_STOP: TypeAdapter[_Stop] = TypeAdapter(_Stop)
_ACCEPTED: TypeAdapter[_Accepted] = TypeAdapter(_Accepted)
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# How long somebody works on behind the end of a lease: a server that starts anew gives it a new one.
_PATIENCE_SECONDS = 120.0
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_WAIT_MARGIN_SECONDS = 15.0
# What stands between a server and its workers says these, or the server while it starts.
_IN_A_MOMENT = frozenset({408, 429, 500, 502, 503, 504, 507})
_ERRORS: dict[str, type[FlowMLError]] = {
    "lease-lost": LeaseLost,
    "not-found": NotFound,
    # Of a file of the server's: asked for again it is no better.
    "damaged": NotFound,
    "wrong-state": WrongState,
    "forbidden": Forbidden,
    "unauthorized": Forbidden,
}
Answer = TypeVar("Answer")


def connect(server: str, token: str) -> httpx.Client:
    """A client of the server at this address, with the worker's credential. Raises StartupError where it is none."""
    return httpx.Client(
        base_url=_address(server),
        headers={"Authorization": f"Bearer {token}"},
        timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        # To nobody but whom the owner named, and by no other way than straight.
        trust_env=False,
        verify=ssl.create_default_context(),
    )


def _address(server: str) -> httpx.URL:
    try:
        url = httpx.URL(server if "://" in server else f"http://{server}")
    except httpx.InvalidURL as problem:
        raise _no_address(server, f": {str(problem).lower()}") from None
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 80) < 1 << 16:
        raise _no_address(server, "")
    return url


def _no_address(server: str, why: str) -> StartupError:
    return StartupError(f"“{server}” is not the address of a server{why}.", hint="It looks like http://host:8000.")


class Retry:
    """Tries again what may work in a moment, later and later and not in step with others (full jitter)."""

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ):
        self.sleep = sleep
        self.clock = clock
        self._draw = draw

    def until(self, give_up_at: float, call: Callable[[], Answer]) -> Answer:
        """What the call returns. Raises what it raises, and NotReady when it did not work until then."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return call()
            except (httpx.TransportError, NotReady) as problem:
                if self.clock() >= give_up_at:
                    raise NotReady(f"The server was not reached: {problem}.") from problem
            self.sleep(self._draw(0.0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


class HttpChannel:
    """`client` knows the server's address and the worker's credential; `worker_id` is what the server calls it.

    `life`: another one for each start of its process. With `wait_seconds` a lease is waited for so long.
    """

    def __init__(
        self,
        client: httpx.Client,
        worker_id: str,
        cache: Cache,
        *,
        wait_seconds: float = 25.0,
        retry: Retry | None = None,
    ):
        self._client = client
        self.worker_id = worker_id
        self.life: str | None = None
        self._cache = cache
        self._wait_seconds = wait_seconds
        self._retry = retry or Retry()

    def lease(self, offer: Offer) -> Lease | None:
        ask = {"worker_id": self.worker_id, "wait_seconds": self._wait_seconds, **asdict(offer)}
        timeout = httpx.Timeout(_WAIT_MARGIN_SECONDS, read=self._wait_seconds + _WAIT_MARGIN_SECONDS)
        try:
            answer = self._client.post("/api/workers/lease", json=ask, timeout=timeout)
        except httpx.TransportError as problem:
            raise NotReady(f"The server was not reached: {problem}.") from problem
        return said(answer, _LEASED).lease

    def brief(self, lease: Lease) -> JobBrief:
        return self._again(lease, lambda: said(self._call(lease, "GET", "brief"), _BRIEF))

    def get(self, lease: Lease, sha256: str) -> Path:
        def pieces(offset: int) -> Iterator[bytes]:
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
            with self._client.stream("GET", *self._of(lease, f"files/{sha256}"), headers=headers) as answer:
                # All of it was there already when it broke off.
                if answer.status_code == 416:
                    return
                if answer.status_code not in (200, 206):
                    answer.read()
                checked(answer)
                # What stands between may send no parts of files, only the whole.
                known = 0 if answer.status_code == 206 else offset
                comes = answer.headers.get("Content-Length")
                if comes is None:
                    raise NotReady("The server does not say how long a file is")
                # No more than this is read.
                self._cache.check_room(int(comes) - known)
                for piece in answer.iter_raw():
                    if new := piece[known:]:
                        yield new
                    known -= min(known, len(piece))

        return self._again(lease, lambda: self._cache.fetched(sha256, pieces, wait=lambda: time.sleep(0.1)))

    def put(self, lease: Lease, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()

        def received() -> int | None:
            return said(self._call(lease, "GET", f"uploads/{sha256}"), _RECEIVED).received_bytes

        def send() -> str:
            have = received()
            while have is not None:
                piece = content[have : have + PIECE_BYTES]
                headers = {OFFSET: str(have), LENGTH: str(len(content)), "Content-Type": "application/octet-stream"}
                try:
                    answer = self._call(lease, "PATCH", f"uploads/{sha256}", content=piece, headers=headers)
                    now = said(answer, _RECEIVED).received_bytes
                except WrongState:
                    # This piece, or all of it, came by a connection that seemed to be broken.
                    now = received()
                if now is not None and now <= have:
                    raise NotReady(f"The server holds on to {now} bytes of a file of {len(content)}")
                have = now
            return sha256

        return self._again(lease, send)

    def heartbeat(self, beats: Sequence[Beat]) -> frozenset[str]:
        stop = set[str]()
        for owner in {beat.lease.owner for beat in beats}:
            theirs = [beat for beat in beats if beat.lease.owner == owner]
            try:
                stop |= self.beat(theirs, owner)
            except NotFound:
                stop |= {beat.lease.trial_id for beat in theirs}
        return frozenset(stop)

    def beat(self, beats: Sequence[Beat], worker_id: str | None = None, load: Load | None = None) -> frozenset[str]:
        """The worker is there and works on just these, and its machine is so busy; returns the ids of those to be
        stopped. Raises NotFound where the server does not know it."""
        running = [
            {
                "trial_id": beat.lease.trial_id,
                "attempt": beat.lease.attempt,
                "fold_scores": [_finite(score) for score in beat.fold_scores],
            }
            for beat in beats
        ]
        body: dict[str, Any] = {"worker_id": worker_id or self.worker_id, "life": self.life, "running": running}
        if load is not None:
            body["load"] = asdict(load)
        return frozenset(said(self._client.post("/api/workers/heartbeat", json=body), _STOP).stop)

    def watch(self, known: Collection[str], wait_seconds: float) -> frozenset[str]:
        """Wait so long until something of this worker's is to stop besides what is `known`; returns the ids."""
        body = {"worker_id": self.worker_id, "known": list(known), "wait_seconds": wait_seconds}
        timeout = httpx.Timeout(_WAIT_MARGIN_SECONDS, read=wait_seconds + _WAIT_MARGIN_SECONDS)
        answer = self._client.post("/api/workers/watch", json=body, timeout=timeout)
        return frozenset(said(answer, _STOP).stop)

    def give_back(self, lease: Lease, reason: str | None = None, fault: str | None = None) -> None:
        """Not go on with a trial; with a `reason` it is held to have caused that, with a `fault` this machine is.
        Raises LeaseLost."""
        told = {name: words[:MOST_WORDS] for name, words in (("reason", reason), ("fault", fault)) if words is not None}
        self._again(lease, lambda: self._call(lease, "POST", "give-back", json=told))

    def report(self, lease: Lease, report: TrialReport) -> bool:
        return self.report_for_next(lease, report, None)[0]

    def report_for_next(self, lease: Lease, report: TrialReport, offer: Offer | None) -> tuple[bool, Lease | None]:
        """Hand in an outcome, and with an `offer` take the next trial, where one waits, by the same call. What is
        leased by an answer that is lost on its way waits again, as this worker does not name it."""
        body = asdict(report)
        body["score"] = _finite(report.score)
        body["fold_scores"] = [_finite(score) for score in report.fold_scores]
        body["metrics"] = report.metrics and {name: _finite(value) for name, value in report.metrics.items()}
        body["error"] = None if report.error is None else report.error[:MOST_WORDS]
        if offer is not None:
            body["free"] = asdict(offer)
        try:
            said_of_it = self._again(lease, lambda: said(self._call(lease, "POST", "report", json=body), _ACCEPTED))
        except LeaseLost:
            return False, None
        return said_of_it.accepted, said_of_it.lease

    def _of(self, lease: Lease, what: str) -> tuple[str]:
        return (f"/api/workers/{lease.owner}/trials/{lease.trial_id}/{what}?attempt={lease.attempt}",)

    def _call(self, lease: Lease, method: str, what: str, **given: Any) -> httpx.Response:
        return checked(self._client.request(method, *self._of(lease, what), **given))

    def _again(self, lease: Lease, call: Callable[[], Answer]) -> Answer:
        return self._retry.until(self._retry.clock() + max(0.0, lease.seconds_left) + _PATIENCE_SECONDS, call)


def said(answer: httpx.Response, kind: TypeAdapter[Answer]) -> Answer:
    """What the server answers, as this kind. Raises as `checked`, and NotReady for what is no such answer."""
    try:
        return kind.validate_json(checked(answer).content)
    except ValidationError as wrong:
        raise NotReady("The server's answer is not one that it gives", hint="Look after the network.") from wrong


def _finite(value: float | None) -> float | None:
    # JSON has no word for the rest.
    return value if value is not None and math.isfinite(value) else None


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is one. Raises the error that it is otherwise; NotReady for what may work in a moment."""
    if answer.is_success:
        kind = answer.headers.get("Content-Type", "application/")
        if not kind.startswith("application/"):
            raise NotReady(f"Something that is no FlowML server answered, with {kind}", hint="Look after the network.")
        return answer
    if answer.is_redirect:
        place = answer.headers.get("Location", "another address")
        raise InvalidInput(f"The server sends this worker to {place}.", hint="Give its own address with --server.")
    try:
        problem = answer.json()
        name = str(problem["type"]).rpartition("#")[2]
        detail, hint = str(problem["detail"]), problem.get("hint")
    except (ValueError, LookupError, TypeError, AttributeError):
        name, detail, hint = "", f"The server answered {answer.status_code} {answer.reason_phrase}", None
    if name in _ERRORS:
        raise _ERRORS[name](detail, hint=hint)
    raise NotReady(detail, hint=hint) if answer.status_code in _IN_A_MOMENT else InvalidInput(detail, hint=hint)
