"""GPUs: which library can use one is tried and not believed, one trial has it at a time, and a model needs none."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowml.automl import algorithms
from flowml.automl.features.encoded import View
from flowml.automl.predictors.xgboost import XGBoostPredictor
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import Lease, Needs, TrialSpec
from flowml.domain.workers import Worker, WorkerStatus
from flowml.machine import capabilities, gpu_probe
from flowml.machine.locks import taken
from flowml.services.starting import what_it_waits_for
from flowml.training.gpus import PAYS_FROM_CELLS, GPUs, pays_on_gpu
from tests.automl.algorithm_cases import make_case

USABLE = {"device": "cuda", "reason": None}
SMALL = {"index": 0, "name": "RTX 2060", "vram_gb": 6.0, "vram_free_gb": 5.0}
LARGE = {"index": 1, "name": "RTX 4090", "vram_gb": 23.9, "vram_free_gb": 20.0}
BIG = TaskShape(ProblemType.CLASSIFICATION, PAYS_FROM_CELLS // 10, 10, 2)


def machine(*gpus: Mapping[str, Any], **libraries: Any) -> dict[str, Any]:
    tried = dict.fromkeys(gpu_probe.LIBRARIES, USABLE) | libraries
    return {"gpus": list(gpus), "has_gpu": bool(gpus), "gpu_libraries": tried if gpus else {}}


def lease(failures: int = 0, queue: str = "cpu") -> Lease:
    return Lease("t", "j", "me", 1, 60.0, "xgboost", {}, 0, 60.0, needs=Needs(queue), failures=failures)


def devices(
    folder: Path, found: Mapping[str, Any], queue: str = "auto", name: str = "xgboost", shape: TaskShape = BIG,
    failures: int = 0, at_once: int = 1,
) -> tuple[list[str], list[str]]:  # fmt: skip
    """What so many trials at once are given, and what is remarked."""
    remarks: list[str] = []
    with ExitStack() as open_trials:
        given = [
            open_trials.enter_context(
                GPUs(lambda: found, lambda index: taken(folder / f"gpu-{index}.lock")).device_for(
                    lease(failures), algorithms.get(name), shape, queue, remarks.append
                )
            )
            for _ in range(at_once)
        ]
    return given, remarks


def test_one_trial_at_a_time_has_a_gpu_and_the_others_take_the_cpu(tmp_path: Path) -> None:
    given, remarks = devices(tmp_path, machine(SMALL), at_once=3)
    assert given == ["cuda:0", "cpu", "cpu"]
    assert remarks == ["Fitted on the CPU: another trial or another program had the GPU."] * 2
    assert devices(tmp_path, machine(SMALL)) == (["cuda:0"], []), "it is free again"
    assert devices(tmp_path, machine(SMALL, LARGE), at_once=3)[0] == ["cuda:0", "cuda:1", "cpu"]


def test_whoever_dies_with_a_gpu_lets_go_of_it(tmp_path: Path) -> None:
    code = (
        "import time, pathlib; from flowml.machine.locks import taken\n"
        f"with taken(pathlib.Path({str(tmp_path)!r}) / 'gpu-0.lock') as free:\n"
        "    print(free, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline().strip() == "True"
    assert devices(tmp_path, machine(SMALL))[0] == ["cpu"]
    holder.kill()
    holder.wait()
    assert devices(tmp_path, machine(SMALL))[0] == ["cuda:0"]


def test_a_gpu_is_used_where_it_pays_or_was_asked_for(tmp_path: Path) -> None:
    little = replace(BIG, n_rows=500)
    assert devices(tmp_path, machine(SMALL), shape=little) == (["cpu"], [])
    assert devices(tmp_path, machine(SMALL), "gpu", shape=little)[0] == ["cuda:0"]
    assert devices(tmp_path, machine(SMALL), "cpu") == (["cpu"], [])
    assert devices(tmp_path, machine(SMALL), "gpu", "random_forest") == (["cpu"], []), "it has nothing for a GPU"
    assert devices(tmp_path, machine()) == (["cpu"], []), "there is none"


ALL = ("cpu", "gpu", "gpu.vram6", "gpu.vram24", "priority")


def gpus(folder: Path, *cards: Mapping[str, Any], free: Mapping[int, int] | None = None) -> GPUs:
    """What one trainer of a machine with these cards knows of them."""
    found = machine(*cards)
    return GPUs(lambda: found, lambda index: taken(folder / f"gpu-{index}.lock"), lambda: free or {})


def test_a_machine_asks_for_gpu_trials_as_long_as_a_card_is_free(tmp_path: Path) -> None:
    first, second, third = (gpus(tmp_path, SMALL, LARGE) for _ in range(3))
    assert first.offered(ALL) == (ALL, 23.9)
    with first.reserved_for(lease(queue="gpu.vram24")) as has_a_place:
        assert has_a_place
        assert second.offered(ALL) == (("cpu", "gpu", "gpu.vram6", "priority"), 6.0)
        with second.reserved_for(lease(queue="gpu")) as has_a_place:
            assert has_a_place
            assert third.offered(ALL) == (("cpu", "priority"), 0.0)
            with third.reserved_for(lease(queue="gpu")) as has_a_place:
                assert not has_a_place, "it waits for one, and does not take the CPU"
            with third.reserved_for(lease()) as has_a_place:
                assert has_a_place, "which needs none"
            with second.device_for(lease(), algorithms.get("xgboost"), BIG, "gpu", pytest.fail) as device:
                assert device == "cuda:0"
            with first.device_for(lease(), algorithms.get("xgboost"), BIG, "gpu.vram24", pytest.fail) as device:
                assert device == "cuda:1"
    assert third.offered(ALL) == (ALL, 23.9)


def test_what_another_program_holds_of_a_card_is_not_offered(tmp_path: Path) -> None:
    assert gpus(tmp_path, LARGE, free={1: 23_000_000_000}).offered(ALL) == (ALL, 23.9), "a desktop is no matter"
    assert gpus(tmp_path, LARGE, free={1: 9_000_000_000}).offered(ALL) == (("cpu", "gpu", "gpu.vram6", "priority"), 9.0)
    full = gpus(tmp_path, LARGE, free={1: 500_000_000})
    assert full.offered(ALL) == (("cpu", "priority"), 0.0)
    with full.reserved_for(lease(queue="gpu")) as has_a_place:
        assert not has_a_place
    assert gpus(tmp_path, SMALL, LARGE, free={0: 100, 1: 7_000_000_000}).offered(ALL)[1] == 7.0


def test_who_looks_whether_a_card_is_free_takes_it_from_nobody(tmp_path: Path) -> None:
    tries = []

    @contextmanager
    def busy_at_first(index: int) -> Iterator[bool]:
        tries.append(index)
        yield len(tries) > 1

    found = machine(SMALL)
    with GPUs(lambda: found, busy_at_first).reserved_for(lease(queue="gpu")) as has_a_place:
        assert has_a_place


def test_boosters_on_big_tables_are_for_machines_with_a_gpu(tmp_path: Path) -> None:
    assert pays_on_gpu(TrialSpec(0, "xgboost", {}), BIG)
    assert not pays_on_gpu(TrialSpec(0, "xgboost", {}, max_rows=1_000), BIG)
    assert not pays_on_gpu(TrialSpec(0, "ridge", {}), BIG)


def test_a_job_that_asks_for_memory_gets_a_card_that_has_it(tmp_path: Path) -> None:
    assert devices(tmp_path, machine(SMALL, LARGE), "gpu.vram24")[0] == ["cuda:1"]
    assert devices(tmp_path, machine(SMALL, LARGE), "gpu.vram6")[0] == ["cuda:0"]


def test_why_the_cpu_was_taken_is_remarked(tmp_path: Path) -> None:
    broken = {"device": None, "reason": "CUDA error 35: the driver is too old"}
    given, remarks = devices(tmp_path, machine(SMALL, xgboost=broken))
    assert given == ["cpu"] and "the driver is too old" in remarks[0]
    given, remarks = devices(tmp_path, machine(SMALL), failures=1)
    assert given == ["cpu"] and "first attempt broke down" in remarks[0]
    given, remarks = devices(tmp_path, {**machine(SMALL), "gpu_libraries": None}, "gpu")
    assert given == ["cpu"] and "not been tried" in remarks[0]
    opencl = {"device": "gpu", "reason": None}
    assert devices(tmp_path, machine(SMALL, lightgbm=opencl), name="lightgbm")[0] == ["gpu:0"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "it crashed (SIGABRT)"),
        ("import sys; sys.exit(7)", "exit code 7"),
        ("print('CUDA says hello')", "exit code 0"),
        ("import time; time.sleep(60)", "did not answer within 1 second"),
        ('print(\'noise\'); print(\'{"device": "cuda", "reason": null}\')', None),
    ],
)
def test_a_driver_that_crashes_hangs_or_chatters_cannot_hurt(
    code: str, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_driver.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = time.monotonic()
    found = gpu_probe._ask("xgboost", "a_driver", seconds=1.0 if "sleep" in code else 30.0)
    assert time.monotonic() - started < 30
    if reason is None:
        assert found == USABLE
    else:
        assert found["device"] is None and reason in found["reason"]


def test_every_library_is_really_tried_in_a_process_of_its_own() -> None:
    found = gpu_probe.gpu_libraries()
    assert list(found) == list(gpu_probe.LIBRARIES)
    for library in found.values():
        assert (library["device"] is None) != (library["reason"] is None)
    if not capabilities.probe()["gpus"]:
        assert not any(library["device"] for library in found.values())


def test_the_queues_follow_from_what_can_be_used() -> None:
    assert capabilities.queues(machine()) == ("cpu", "priority")
    assert capabilities.queues(machine(LARGE)) == (
        "cpu", "gpu", "gpu.vram6", "gpu.vram8", "gpu.vram12", "gpu.vram24", "priority",
    )  # fmt: skip
    assert capabilities.queues(machine(SMALL)) == ("cpu", "gpu", "gpu.vram6", "priority")
    useless = {name: {"device": None, "reason": "no"} for name in gpu_probe.LIBRARIES}
    assert capabilities.queues(machine(SMALL, **useless)) == ("cpu", "priority")
    assert "gpu" in capabilities.queues({**machine(SMALL), "gpu_libraries": None}), "not tried yet"
    assert capabilities.queues({**machine(), "ollama_version": "0.6.2"}) == ("cpu", "priority", "llm")


def test_a_job_says_which_gpu_it_waits_for_and_what_there_is() -> None:
    def worker(capabilities: dict[str, Any]) -> Worker:
        return Worker("w", "w", WorkerStatus.ONLINE, ("cpu",), 1, 0, capabilities, 1.0, 1.0)

    def said(queue: str, *machines: dict[str, Any]) -> str:
        return what_it_waits_for(queue, [worker(one) for one in machines])

    assert "only coordinates" in said("gpu")
    assert (
        said("priority", machine()) == "Waiting for a worker that takes the queue “priority”: none that is online does"
    )
    assert said("gpu", machine()) == "Waiting for a worker with a GPU: none that is online has one"
    assert said("gpu.vram12", machine(), machine(SMALL)).endswith("a GPU of 12 GB; the largest online has 6")
    useless = {name: {"device": None, "reason": f"{name} says no"} for name in gpu_probe.LIBRARIES}
    assert "no library can use" in said("gpu", machine(SMALL, **useless))
    assert "catboost says no" in said("gpu", machine(SMALL, **useless))


def test_xgboost_going_on_without_a_gpu_is_noticed() -> None:
    if capabilities.probe()["gpus"]:
        pytest.skip("this machine has a GPU")
    algorithm, case = algorithms.get("xgboost"), make_case("binary", View.NATIVE)
    remarks: list[str] = []
    context = replace(case.context(), device="cuda:0", remark=remarks.append)
    params = algorithm.first_configurations(case.shape)[0]
    algorithm.fit(params, case.train, case.target, case.valid, case.valid_target, context)
    assert remarks == ["XGBoost was fitted on the CPU, since it found no GPU."]


def test_a_model_from_a_gpu_says_nothing_of_it_and_predicts_on_the_cpu() -> None:
    import xgboost

    case = make_case("binary", View.NATIVE)
    params = {"objective": "binary:logistic", "verbosity": 0}
    booster = xgboost.train(params, xgboost.DMatrix(case.train.values, case.target), 3)
    booster.set_param({"device": "cuda:0"})
    saved = bytes(booster.save_raw("json"))
    assert b"cuda" not in saved
    predictor = XGBoostPredictor(saved, 2, case.train.values.shape[1])
    assert '"device":"cpu"' in predictor._booster.save_config().replace(" ", "")
    assert np.isfinite(predictor.predict(case.valid.values)).all()


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_library_that_fails_on_the_gpu_is_asked_again_on_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library = __import__(name)
    train, asked = library.train, []

    def failing(settings: dict[str, Any], *rest: Any, **more: Any) -> Any:
        asked.append(settings.get("device", settings.get("device_type")))
        if asked[-1] != "cpu":
            raise RuntimeError("out of memory on device 0")
        return train(settings, *rest, **more)

    monkeypatch.setattr(library, "train", failing)
    algorithm, case = algorithms.get(name), make_case("binary", View.NATIVE)
    remarks: list[str] = []
    context = replace(case.context(), device="cuda:0", remark=remarks.append)
    params = algorithm.first_configurations(case.shape)[0]
    predictor = algorithm.fit(params, case.train, case.target, case.valid, case.valid_target, context)
    assert len(asked) == 2 and asked[0].startswith("cuda") and asked[1] == "cpu"
    assert "out of memory on device 0" in remarks[0] and "CPU" in remarks[0]
    assert case.loss(predictor.predict(case.valid.values)) < 0.6


def test_catboost_on_a_gpu_keeps_the_time_by_the_number_of_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    import catboost

    made: list[dict[str, Any]] = []
    now = [0.0]

    class OnTheGPU(catboost.CatBoost):  # type: ignore[misc]
        """Does on the CPU what it is asked to do on a GPU, a second a round by the clock."""

        def __init__(self, settings: dict[str, Any] | None = None):
            settings = settings or {}
            made.append(settings)
            there = {name: value for name, value in settings.items() if name not in ("task_type", "devices")}
            super().__init__(there)

        def fit(self, *rest: Any, **more: Any) -> Any:
            assert not more.get("callbacks"), "CatBoost refuses callbacks on a GPU"
            now[0] += made[-1]["iterations"]
            return super().fit(*rest, **more)

    monkeypatch.setattr(catboost, "CatBoost", OnTheGPU)
    algorithm, case = algorithms.get("catboost"), make_case("binary", View.NATIVE)
    remarks: list[str] = []
    context = replace(case.context(time_left=lambda: 120 - now[0]), device="cuda:1", remark=remarks.append)
    params = algorithm.first_configurations(case.shape)[0]
    predictor = algorithm.fit_on("cuda:1", params, case.train, case.target, case.valid, case.valid_target, context)  # type: ignore[attr-defined]
    assert [(one["task_type"], one["devices"]) for one in made[:2]] == [("GPU", "1")] * 2
    assert made[1]["iterations"] == 70 and now[0] < 120 and not remarks
    assert np.isfinite(predictor.predict(case.valid.values)).all()
