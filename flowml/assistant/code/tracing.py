"""Which row of the table each row of a result was: the same code once more, in which each table has the numbers of its
rows beside it, and never in it: no expression of the code meets them.

Methods that leave rows where they are leave the numbers; those that choose, move or double rows do it to them as well;
what puts rows together anew (`group_by`, `pivot`, and whatever is not known here) has none any more.
"""

from __future__ import annotations

import ast
import copy
import operator
import secrets
from collections.abc import Mapping
from typing import Any

import polars as pl

ROW = "\0row"
"""The column that holds the numbers of the rows, from 0, behind those of a result. No table has one of this name."""

# Names that code cannot give or use.
_CALL, _BARE, _OPERATE = "__call", "__bare", "__operate"
_OPERATORS = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
    "Pow": operator.pow,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STAY = _words(
    "with_columns select drop rename cast fill_null fill_nan hstack with_row_index unnest interpolate shift to_dummies"
    " clone update"
)
"""After these each row is where it was, if there are as many."""
_BY_PLACE = _words("head tail limit slice sample gather_every reverse")
"""These ask for nothing but how many rows there are."""
_MOVE = _words("filter remove sort unique drop_nulls drop_nans top_k bottom_k explode join_asof upsample")
"""These choose, move or double rows by what is in them."""
_PUT_BELOW = frozenset({"vertical", "vertical_relaxed", "diagonal", "diagonal_relaxed"})


def keeping_rows(tree: ast.Module) -> ast.Module:
    """The same code, for `names`: each call goes by a function of this module."""
    kept = copy.deepcopy(tree)
    _Calls().visit(kept)
    return ast.fix_missing_locations(kept)


def names(frame: pl.DataFrame) -> Mapping[str, Any]:
    """What such code needs beside what the code itself does, with `df` as this table with its rows' numbers."""
    rows = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    return {_CALL: _call, _BARE: _bare, _OPERATE: _operate, "df": Traced(frame, rows)}


class Traced:
    """A table, and beside it the number of the row that each of its rows was, null for a new one; None where that is
    not known, and for rows that were put together anew. What is read of it is read of the table."""

    __slots__ = ("frame", "rows")

    def __init__(self, frame: pl.DataFrame, rows: pl.Series | None):
        self.frame = frame
        self.rows = rows if rows is not None and len(rows) == frame.height else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.frame, name)

    def __len__(self) -> int:
        return self.frame.height

    def __getitem__(self, key: Any) -> Any:
        found = self.frame[key]
        if not isinstance(found, pl.DataFrame) or self.rows is None:
            return _as_traced(found)
        of_rows = key[0] if isinstance(key, tuple) else key
        is_of_rows = isinstance(key, tuple) or isinstance(of_rows, slice | int)
        if not is_of_rows and isinstance(of_rows, list | pl.Series) and len(of_rows):
            is_of_rows = not isinstance(of_rows[0], str | bool)
        if not is_of_rows:
            return Traced(found, self.rows)
        numbers = self.rows.to_frame("rows")[of_rows if not isinstance(of_rows, int) else [of_rows]]
        return Traced(found, numbers.get_column("rows"))


class _Calls(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute):
            return node
        arguments = [node.func.value, ast.Constant(value=node.func.attr), *node.args]
        called = ast.Call(func=ast.Name(id=_CALL, ctx=ast.Load()), args=arguments, keywords=node.keywords)
        return ast.copy_location(called, node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        given = [ast.Constant(value=type(node.op).__name__), node.left, node.right]
        return ast.copy_location(ast.Call(func=ast.Name(id=_OPERATE, ctx=ast.Load()), args=given, keywords=[]), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        node.operand = self._bare(node.operand)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        node.left, node.comparators = self._bare(node.left), [self._bare(part) for part in node.comparators]
        return node

    def _bare(self, node: ast.expr) -> ast.expr:
        called = ast.Call(func=ast.Name(id=_BARE, ctx=ast.Load()), args=[node], keywords=[])
        return ast.copy_location(called, node)


def _bare(value: Any) -> Any:
    """Without numbers: for whatever takes tables and knows nothing of these."""
    match value:
        case Traced():
            return value.frame
        case list() | tuple():
            return type(value)(map(_bare, value))
        case dict():
            return {name: _bare(part) for name, part in value.items()}
    return value


def _operate(name: str, left: Any, right: Any) -> Any:
    """What an operator makes of tables: each row is where it was."""
    found = _OPERATORS[name](_bare(left), _bare(right))
    if isinstance(found, pl.DataFrame):
        return Traced(found, next((one.rows for one in (left, right) if isinstance(one, Traced)), None))
    return found


def _as_traced(value: Any) -> Any:
    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    return Traced(value, None) if isinstance(value, pl.DataFrame) else value


def _call(owner: Any, name: str, /, *given: Any, **named: Any) -> Any:
    if isinstance(owner, Traced):
        if name in ("lazy", "collect"):
            # Each step is done at once; what comes of it is the same.
            return owner
        if name in ("join", "vstack") and isinstance(other := named.get("other", given[0] if given else None), Traced):
            others = given if "other" in named else given[1:]
            words = {word: value for word, value in named.items() if word != "other"}
            if name == "join":
                return _joined(owner, other, _bare(others), _bare(words))
            return Traced(owner.frame.vstack(other.frame, *others, **words), _below([owner, other]))
        if owner.rows is not None:
            return _of_table(owner.frame, owner.rows, name, _bare(given), _bare(named))
    if name == "concat" and owner is pl and given and isinstance(given[0], list | tuple):
        return _put_together(*given, **named)
    return _plainly(_bare(owner), name, _bare(given), _bare(named))


def _plainly(owner: Any, name: str, given: Any, named: Any) -> Any:
    return _as_traced(getattr(owner, name)(*given, **named))


def _of_table(frame: pl.DataFrame, rows: pl.Series, name: str, given: Any, named: Any) -> Any:
    if name in _STAY:
        return Traced(getattr(frame, name)(*given, **named), rows)
    if name in _BY_PLACE:
        numbers: pl.DataFrame = getattr(rows.to_frame("rows"), name)(*given, **named)
        return Traced(getattr(frame, name)(*given, **named), numbers.get_column("rows"))
    if name in _MOVE:
        return _moved(frame, rows, name, given, named)
    return _plainly(frame, name, given, named)


def _moved(frame: pl.DataFrame, rows: pl.Series, name: str, given: Any, named: Any) -> Traced:
    if name == "filter" and given and all(isinstance(one, pl.Expr) for one in given):
        numbers = pl.int_range(pl.len(), dtype=pl.UInt32).filter(*given, **named).alias("rows")
        chosen = frame.select(numbers).get_column("rows")
        return Traced(frame[chosen], rows.gather(chosen))
    if name in ("unique", "drop_nulls", "drop_nans"):
        subset = named.get("subset", given[0] if given else None)
        if subset is not None or name != "drop_nans":
            columns = frame.columns if subset is None else frame.select(subset).columns
            given, named = (), {**named, "subset": columns}
    beside = _Beside(frame)
    return beside.split(getattr(beside.frame, name)(*given, **named), rows)


def _joined(left: Traced, right: Traced, given: Any, named: Any) -> Traced:
    is_right = "right" in (named.get("how"), *given[1:2])
    if left.rows is not None and not is_right:
        beside = _Beside(left.frame)
        return beside.split(beside.frame.join(right.frame, *given, **named), left.rows)
    if right.rows is not None:
        beside = _Beside(right.frame)
        return beside.split(left.frame.join(beside.frame, *given, **named), right.rows)
    return Traced(left.frame.join(right.frame, *given, **named), None)


class _Beside:
    """A table with the numbers of its own rows as one more column, behind a name that nobody can guess and of a type
    that no table has, so that no selector of columns takes it for one of them."""

    _NAME = f"{ROW}:{secrets.token_hex(16)}"

    def __init__(self, frame: pl.DataFrame):
        # As wide as the highest, so that they have the same order.
        texts = pl.int_range(frame.height, dtype=pl.UInt32, eager=True).cast(pl.String).str.zfill(10)
        self.frame = frame.with_columns(texts.cast(pl.Binary).alias(self._NAME))

    def split(self, found: pl.DataFrame, rows: pl.Series) -> Traced:
        """`found`, and of `rows` those that it has."""
        chosen = found.get_column(self._NAME).cast(pl.String).cast(pl.UInt32)
        return Traced(found.drop(self._NAME), rows.gather(chosen))


def _put_together(parts: Any, how: str = "vertical", **named: Any) -> Any:
    found = pl.concat(_bare(parts), how=how, **named)  # type: ignore[arg-type]
    tables = [part if isinstance(part, Traced) else Traced(part, None) for part in parts]
    rows = None
    if how in _PUT_BELOW:
        rows = _below(tables)
    elif how == "horizontal":
        rows = next((table.rows for table in tables if table.rows is not None), None)
    return Traced(found, rows)


def _below(tables: list[Traced]) -> pl.Series | None:
    if all(table.rows is None for table in tables):
        return None
    return pl.concat(
        pl.Series([None] * table.frame.height, dtype=pl.UInt32) if table.rows is None else table.rows
        for table in tables
    )
