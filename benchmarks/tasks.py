"""The tasks to measure: folders of `train.csv`, `test.csv` and `meta.json`, or tables made up here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import tables


@dataclass(frozen=True)
class Task:
    """One table to learn from, and one that nobody has seen."""

    name: str
    target: str
    regression: bool
    train: Path
    test: Path
    positive: str | None = None


def read_task(folder: Path) -> Task:
    """A task folder. `meta.json` names the target, `problem_type` and maybe the positive class."""
    meta: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return Task(
        name=folder.name,
        target=meta["target"],
        regression=meta["problem_type"] == "regression",
        train=folder / "train.csv",
        test=folder / "test.csv",
        positive=meta.get("positive_class"),
    )


def find_tasks(data: Path, names: list[str]) -> list[Task]:
    """Task folders of `data`, or `data` itself when it is one; all, or those named."""
    folders = [data] if (data / "meta.json").is_file() else sorted(path.parent for path in data.glob("*/meta.json"))
    chosen = [folder for folder in folders if not names or folder.name in names]
    if not chosen:
        raise SystemExit(f"no task folder (train.csv, test.csv, meta.json) in {data}")
    return [read_task(folder) for folder in chosen]


def made_tasks(folder: Path, names: list[str]) -> list[Task]:
    """Tasks made up here, written below `folder`."""
    kinds = {
        "passengers": (tables.passengers(1100), "Survived", "1"),
        "incomes": (tables.incomes(20_000), "income", ">50K"),
        "houses": (tables.houses(4_000), "price", None),
    }
    tasks = []
    for name, (rows, target, positive) in kinds.items():
        if names and name not in names:
            continue
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        cut = len(rows) * 4 // 5
        train = tables.write_csv(rows[:cut], place / "train.csv")
        test = tables.write_csv(rows[cut:], place / "test.csv")
        tasks.append(Task(name, target, name == "houses", train, test, positive))
    return tasks
