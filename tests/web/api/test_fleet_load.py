"""Workers whose calls wait for the tables hold up nobody who looks at a page."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flowml.domain.access.caller import LOCAL_OWNER, Permission, Principal
from tests.web.serving import serve, until

WHO = Principal(LOCAL_OWNER.identifier, LOCAL_OWNER.may | {Permission.WORK})


def test_calls_of_workers_that_wait_for_the_tables_leave_threads_for_everybody_else(tmp_path: Path) -> None:
    asked = threading.Semaphore(0)

    def join(number: int) -> int:
        asked.release()
        return served.client.post("/api/workers/register", json={"name": f"far {number}"}).status_code

    with serve(tmp_path, who=lambda scope: WHO) as served, ThreadPoolExecutor(45) as pool:
        with served.store.transaction():
            joining = [pool.submit(join, number) for number in range(45)]
            assert all(asked.acquire(timeout=5) for _ in joining)
            assert not until(lambda: any(one.done() for one in joining), 0.1)
            assert served.client.get("/api/datasets", timeout=5).status_code == 200
        assert {one.result(10) for one in joining} == {201}
