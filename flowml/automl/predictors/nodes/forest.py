"""Trees as plain nodes: what a walk, an explanation or an export needs, whichever library has grown them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


class CodeSets(Mapping[int, frozenset[int]]):
    """Sets of codes by their nodes, each made when it is asked for: all at once would take a hundred times the room.

    `nodes`: (sets,); `counts`: (sets,), how many of `codes` (codes,), int16, each has, one after the other.
    """

    def __init__(self, nodes: np.ndarray, counts: np.ndarray, codes: np.ndarray):
        self.nodes, self.counts, self.codes = nodes, counts, codes.astype(np.int16, copy=False)

    @cached_property
    def _slices(self) -> dict[int, tuple[int, int]]:
        ends = np.cumsum(self.counts)
        each = zip((ends - self.counts).tolist(), ends.tolist(), strict=True)
        return dict(zip(self.nodes.tolist(), each, strict=True))

    @classmethod
    def of(cls, sets: Mapping[int, frozenset[int]]) -> "CodeSets":
        if isinstance(sets, CodeSets):
            return sets
        codes = [np.array(sorted(codes), dtype=np.int16) for codes in sets.values()]
        nodes, counts = np.array(list(sets), dtype=np.int64), np.array(list(map(len, codes)), dtype=np.int64)
        return cls(nodes, counts, np.concatenate([np.empty(0, dtype=np.int16), *codes]))

    def __getitem__(self, node: int) -> frozenset[int]:
        return frozenset(self.codes[slice(*self._slices[node])].tolist())

    def __iter__(self) -> Iterator[int]:
        return iter(self._slices)

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True)
class NodeTree:
    """One tree, its root first; every array has one entry a node.

    `feature`: int32, -1 for a leaf, from `Forest.n_features` on one of its look-ups. A value goes left when it is ≤
    `threshold`, float64; a missing one (NaN) when `missing_left` says so. A node in `levels` asks for codes instead:
    one that is among them goes left when `levels_left`, else right. `left`, `right`: int32. `value`: float64
    (nodes, width), of leaves.
    """

    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    levels: Mapping[int, frozenset[int]] = field(default_factory=dict)
    levels_left: bool = True

    @property
    def n_leaves(self) -> int:
        return int((self.feature < 0).sum())


def parted(whole: NodeTree, sets: CodeSets, n_nodes: np.ndarray, n_sets: np.ndarray) -> Iterator[NodeTree]:
    """Trees that lie one after the other in `whole`, whose nodes are numbered within each; of each, how many nodes and
    how many of the sets of codes are its own."""
    ends, set_ends = np.cumsum(n_nodes), np.cumsum(n_sets)
    code_ends = np.concatenate([[0], np.cumsum(sets.counts)])
    start = first_set = first_code = 0
    for end, last_set, last_code in zip(ends.tolist(), set_ends.tolist(), code_ends[set_ends].tolist(), strict=True):
        here, these = slice(start, end), slice(first_set, last_set)
        levels: Mapping[int, frozenset[int]] = {}
        if first_set < last_set:
            levels = CodeSets(sets.nodes[these], sets.counts[these], sets.codes[first_code:last_code])
        yield NodeTree(
            whole.feature[here],
            whole.threshold[here],
            whole.missing_left[here],
            whole.left[here],
            whole.right[here],
            whole.value[here],
            levels,
            whole.levels_left,
        )
        start, first_set, first_code = end, last_set, last_code


@dataclass(frozen=True)
class Source:
    """One of the columns that a look-up reads: of codes (`size` of them; its place is the code, `size` for a missing or
    any other one), of numbers (`border`: 1 above it, else 0), or whether it is one code (`code`)."""

    feature: int
    size: int = 2
    border: float | None = None
    code: int | None = None
    missing_above: bool = False

    @property
    def n_places(self) -> int:
        return self.size + 1 if self.border is None and self.code is None else 2

    def places(self, values: np.ndarray) -> np.ndarray:
        """Where in its axis of the table each value lies, (rows,) → int64 (rows,)."""
        missing = np.isnan(values)
        known = np.where(missing, -1.0, values)
        if self.border is not None:
            return np.asarray(np.where(missing, self.missing_above, known > self.border), dtype=np.int64)
        if self.code is not None:
            return np.asarray(known == self.code, dtype=np.int64)
        return np.asarray(np.where((known >= 0) & (known < self.size), known, self.size), dtype=np.int64)


@dataclass(frozen=True)
class Lookup:
    """A column more, of which a table says the value: float32, one axis a source."""

    sources: tuple[Source, ...]
    table: np.ndarray


@dataclass(frozen=True)
class Forest:
    """raw = offset + scale · the sum (or `combine`d otherwise) of the leaves; then `link`.

    With one value a leaf, tree t adds to raw score t mod `groups`; else `groups` is 1 and the leaves have all of them.
    `combine`: sum, mean, or median (weighted by `tree_weights`). `link` is one of `links.LINKS`.
    """

    trees: Sequence[NodeTree]
    n_features: int
    groups: int
    offset: np.ndarray
    link: str
    scale: float = 1.0
    combine: str = "sum"
    tree_weights: np.ndarray | None = None
    lookups: tuple[Lookup, ...] = ()

    @property
    def n_leaves(self) -> int:
        return sum(tree.n_leaves for tree in self.trees)

    @property
    def n_raw(self) -> int:
        return self.groups * int(self.trees[0].value.shape[1])

    def widened(self, values: np.ndarray) -> np.ndarray:
        """float32 (rows, features) with the look-ups behind them."""
        found = [values[:, : self.n_features].astype(np.float32)]
        for lookup in self.lookups:
            places = tuple(source.places(values[:, source.feature]) for source in lookup.sources)
            found.append(lookup.table[places].astype(np.float32).reshape(-1, 1))
        return np.concatenate(found, axis=1)

    def leaves(self, values: np.ndarray) -> np.ndarray:
        """The node that each row of `widened` values reaches in each tree: int64 (rows, trees)."""
        answer = np.empty((len(values), len(self.trees)), dtype=np.int64)
        for number, tree in enumerate(self.trees):
            answer[:, number] = _walk(tree, values)
        return answer

    def raw(self, values: np.ndarray) -> np.ndarray:
        """Raw scores, float64 (rows, raw), of encoded rows, float32 (rows, features)."""
        reached = self.leaves(self.widened(values))
        found = np.stack([tree.value[reached[:, at]] for at, tree in enumerate(self.trees)], axis=1)
        if self.combine == "median":
            return self._median(found[:, :, 0])
        if self.groups > 1:
            total = found[:, :, 0].reshape(len(values), -1, self.groups).sum(axis=1)
        else:
            total = found.sum(axis=1)
        unit = self.scale / len(self.trees) if self.combine == "mean" else self.scale
        return np.asarray(total * unit + self.offset)

    def _median(self, found: np.ndarray) -> np.ndarray:
        weights = np.ones(found.shape[1]) if self.tree_weights is None else self.tree_weights
        order = np.argsort(found, axis=1, kind="stable")
        upto = np.cumsum(weights[order], axis=1)
        middle = (upto >= 0.5 * upto[:, -1:]).argmax(axis=1)
        chosen = order[np.arange(len(found)), middle]
        return np.asarray(found[np.arange(len(found)), chosen]).reshape(-1, 1)


def _walk(tree: NodeTree, values: np.ndarray) -> np.ndarray:
    rows = np.arange(len(values))
    node = np.zeros(len(values), dtype=np.int64)
    going = rows if tree.feature[0] >= 0 else rows[:0]
    while len(going):
        at = node[going]
        value = values[going, tree.feature[at]].astype(np.float64)
        left = value <= tree.threshold[at]
        if tree.levels:
            for number in np.unique(at):
                asked = tree.levels.get(int(number))
                if asked is not None:
                    here = at == number
                    left[here] = np.isin(value[here], list(asked)) == tree.levels_left
        left = np.where(np.isnan(value), tree.missing_left[at], left)
        node[going] = np.where(left, tree.left[at], tree.right[at])
        going = going[tree.feature[node[going]] >= 0]
    return node
