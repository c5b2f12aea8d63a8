"""What code has made of a table: taken in as a table from outside would be, and laid beside the one it came from. Tasks
of a child process (`tasks`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import polars as pl

from flowml.assistant.code import accounting
from flowml.assistant.code.following import follow
from flowml.assistant.code.tracing import ROW
from flowml.data.canonical import canonical, write_canonical
from flowml.data.format import Limits
from flowml.data.importer import described
from flowml.data.recipes.kinds import Kind, kinds_of_frame
from flowml.data.recipes.observing import differs
from flowml.data.recipes.spreads import spreads
from flowml.data.values import plain
from flowml.domain.datasets import HowRead
from flowml.domain.errors import InvalidInput, NotReady
from flowml.domain.recipes import ColumnChange, Sample, Spreads, TransformPreview
from flowml.domain.remarks import Remark, note
from flowml.domain.stored import hash_file

_SAMPLE_ROWS = 20
_REMOVED_ROWS = 8
_MOST_SPREADS = 4
_MOST_PAIRS = 400


def compare_tables(request: Mapping[str, Any]) -> dict[str, Any]:
    """Take in what is in `result`, write it as a canonical table to `target`, and say how it differs from the one at
    `table`: {"difference": a TransformPreview without operations, "first": a Sample of its first rows, "remarks" on the
    table itself, "sha256"}. Raises InvalidInput about "code", UnreadableFile and TooLarge for what is no table or too
    large for one."""
    made, origins = _taken_in(Path(request["result"]), Limits(request["max_rows"], request["max_columns"]))
    source = pl.read_parquet(Path(request["table"]))
    try:
        write_canonical(made.table, Path(request["target"]))
    except OSError as error:
        raise NotReady(
            "The table could not be stored on the server.", hint="Its disk may be full; remove what is not needed."
        ) from error
    difference = _difference(source, made.table, follow(origins, source, made.table), made.remarks)
    return {
        "difference": asdict(difference),
        "first": asdict(_sample(made.table.head(_SAMPLE_ROWS))),
        "remarks": [asdict(remark) for remark in made.remarks],
        "sha256": hash_file(Path(request["target"])),
    }


def describe_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to know about the canonical table at `made`, as the importer answers."""
    remarks = [Remark.of_record(remark) for remark in request["remarks"]]
    return described(pl.read_parquet(Path(request["made"])), format="parquet", remarks=remarks, how_read=HowRead())


@dataclass(frozen=True)
class _TakenIn:
    table: pl.DataFrame
    remarks: list[Remark]


def _taken_in(result: Path, limits: Limits) -> tuple[_TakenIn, pl.Series | None]:
    try:
        found = pl.read_ipc(result.read_bytes())
    except Exception as error:
        raise InvalidInput.of_field(
            "code", "What the code has made cannot be read.", hint="Change the code."
        ) from error
    # Where it stands is part of its name: behind all that the code has made (`running`).
    origins = found.get_column(ROW) if found.columns[-1:] == [ROW] else None
    if origins is not None:
        found = found.drop(ROW)
    if not found.height or not found.width:
        raise InvalidInput.of_field("code", "No row would be left.", hint="Look at what the code leaves out.")
    limits.check(found.height, found.width)
    table, remarks = canonical(found, limits)
    limits.check(table.height, table.width)
    return _TakenIn(table, remarks), origins


def _difference(
    source: pl.DataFrame, result: pl.DataFrame, origins: pl.Series | None, remarks: list[Remark]
) -> TransformPreview:
    had, has = kinds_of_frame(source), kinds_of_frame(result)
    renamed = {} if origins is None else _renamed(source, result, origins)
    origin_of = {name: name for name in has if name in had} | {new: old for old, new in renamed.items()}
    added = tuple(name for name in has if name not in origin_of)
    removed = tuple(name for name in had if name not in origin_of.values())
    if origins is None:
        said = "The rows are put together anew, so they are not compared one by one."
        remarks = [*remarks, note("rows_made_anew", said)]
        shared = [name for name in has if name in had]
        telling = [*shared, *added]
        compared = _Compared({}, 0, _sample(source.clear()), _sample(result.clear()), ())
        gone: list[int] = []
    else:
        compared = _compare(source, result, origins, origin_of, had, has)
        telling = [*(name for name, count in compared.cells.items() if count), *added]
        numbers = pl.int_range(source.height, dtype=pl.UInt32, eager=True)
        gone = numbers.filter(~numbers.is_in(origins.drop_nulls().implode())).head(_REMOVED_ROWS).to_list()
        told = {name for name, count in compared.cells.items() if count}
        told |= {name for name, old in origin_of.items() if had[old] is not has[name]}
        remarks = [
            *remarks,
            *accounting.of_rows(origins, source.height),
            *accounting.of_columns(origin_of, had, has, compared.cells),
            *accounting.left_over(source, result, origins, origin_of, told),
        ]
        if not (told or added or removed or renamed or gone or remarks):
            remarks = accounting.by_place(source, result)
    return TransformPreview(
        operations=(),
        changes=(),
        n_rows_before=source.height,
        n_rows_after=result.height,
        columns_added=added,
        columns_removed=removed,
        columns_renamed=renamed,
        columns_changed=tuple(ColumnChange(name, count) for name, count in compared.cells.items() if count),
        before=compared.before,
        after=compared.after,
        rows=compared.rows,
        rows_changed=compared.rows_changed,
        removed=_sample(source[gone]) if gone else _sample(source.clear()),
        removed_rows=tuple(row + 1 for row in gone),
        spreads=tuple(
            Spreads(name, *spreads(source[origin_of[name]] if name in origin_of else None, result[name]))
            for name in telling[:_MOST_SPREADS]
        ),
        remarks=tuple(remarks),
    )


def _renamed(source: pl.DataFrame, result: pl.DataFrame, origins: pl.Series) -> dict[str, str]:
    """Columns that hold the same as one that is gone: they have another name."""
    gone = [name for name in source.columns if name not in result.columns]
    new = [name for name in result.columns if name not in source.columns]
    if not gone or not new or len(gone) * len(new) > _MOST_PAIRS:
        return {}
    found: dict[str, str] = {}
    for old in gone:
        values = source[old].gather(origins)
        name = next((name for name in new if name not in found.values() and values.equals(result[name])), None)
        if name is not None and values.dtype == result[name].dtype:
            found[old] = name
    return found


@dataclass(frozen=True)
class _Compared:
    """Cells that differ by column, rows in which one does, and some of these before and after with their numbers."""

    cells: Mapping[str, int]
    rows_changed: int
    before: Sample
    after: Sample
    rows: tuple[int, ...]


def _compare(
    source: pl.DataFrame,
    result: pl.DataFrame,
    origins: pl.Series,
    origin_of: Mapping[str, str],
    had: Mapping[str, Kind],
    has: Mapping[str, Kind],
) -> _Compared:
    known = result.filter(origins.is_not_null())
    places = origins.drop_nulls()
    # By their places: whatever columns are called, none is taken for another.
    after = known.select(pl.col(new).alias(f"r{place}") for place, new in enumerate(origin_of))
    beside = source.select(pl.col(old).alias(f"s{place}") for place, old in enumerate(origin_of.values()))[places]
    both = pl.concat([after, beside], how="horizontal")
    tests = {
        new: differs(f"s{place}", had[old], f"r{place}", has[new]) for place, (new, old) in enumerate(origin_of.items())
    }
    found = both.select(
        *(test.sum().alias(f"cells:{place}") for place, test in enumerate(tests.values())),
        *(
            pl.int_range(pl.len()).filter(test).head(_SAMPLE_ROWS).implode().alias(f"rows:{place}")
            for place, test in enumerate(tests.values())
        ),
        pl.any_horizontal(*tests.values(), pl.lit(value=False)).sum().alias("any"),
    ).row(0, named=True)
    by_column = [found[f"rows:{place}"] for place in range(len(tests))]
    in_turn = [row for same in zip_longest(*by_column) for row in same if row is not None]
    shown = list(dict.fromkeys([*in_turn, *range(min(_SAMPLE_ROWS, known.height))]))[:_SAMPLE_ROWS]
    numbers = [int(row) for row in places[shown].to_list()]
    return _Compared(
        {name: int(found[f"cells:{place}"]) for place, name in enumerate(tests)},
        int(found["any"]),
        _sample(source[numbers]),
        _sample(known[shown]),
        tuple(number + 1 for number in numbers),
    )


def _sample(frame: pl.DataFrame) -> Sample:
    rows = (tuple(plain(value) for value in row) for row in frame.iter_rows())
    return Sample(tuple(frame.columns), tuple(rows))
