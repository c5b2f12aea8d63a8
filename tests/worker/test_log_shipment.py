"""What a worker says arrives at its server, also when that was away."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flowml.machine import log_lines
from flowml.worker.log_shipment import LogShipment
from tests.clocks import clock_of
from tests.web.serving import until

log = logging.getLogger("flowml.tests.shipment")


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log_lines, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(log_lines, "_LONGEST_PAUSE_SECONDS", 0.02)
    logging.getLogger("flowml").setLevel(logging.INFO)
    yield
    logging.getLogger("flowml").setLevel(logging.NOTSET)


class Server:
    """Answers as somebody has written down, and keeps what it took."""

    def __init__(self, *answers: httpx.Response | Exception):
        self.answers = list(answers)
        self.asked = 0
        self.kept: list[dict[str, Any]] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), base_url="http://server")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else httpx.Response(200, json={"kept": 1})
        if isinstance(answer, Exception):
            raise answer
        if answer.is_success:
            sent = json.loads(request.content)
            assert sent["worker_id"] == "w" and request.url.path == "/api/workers/logs"
            self.kept += sent["lines"]
            assert sent["life"] and [line["number"] for line in self.kept] == sorted(
                {line["number"] for line in self.kept}
            )
        return answer


def test_lines_wait_for_a_server_that_is_away_and_say_how_old_they_are() -> None:
    now = [100.0]
    server = Server(
        httpx.ConnectError("refused"),
        httpx.Response(503),
        httpx.Response(404, json={"type": "#not-found", "detail": "no"}),
    )
    names = [""]
    shipment = LogShipment(server.client, lambda: names[0], clock_of(lambda: now[0]))
    shipment.say("Joined")
    log.error("it failed")
    now[0] += 30
    shipment.start()
    log.error("and again")
    names[0] = "w"
    said = {"Joined", "it failed", "and again"}
    assert until(lambda: len([line for line in server.kept if line["message"] in said]) == 2)
    shipment.close(5)
    # Whatever else of this program says something just now is sent as well.
    kept = [line for line in server.kept if line["message"] in said]
    assert [(line["message"], line["age_seconds"], line["level"]) for line in kept] == [
        ("Joined", 30.0, "info"),
        ("and again", 0.0, "error"),
    ]
    assert server.asked >= 4


def test_what_the_server_refuses_is_not_sent_again() -> None:
    server = Server(httpx.Response(422, json={"type": "#invalid-input", "detail": "no"}))
    shipment = LogShipment(server.client, lambda: "w")
    shipment.start()
    shipment.say("refused")
    assert until(lambda: server.asked == 1)
    shipment.say("taken")
    shipment.close(5)
    assert [line["message"] for line in server.kept] == ["taken"]
