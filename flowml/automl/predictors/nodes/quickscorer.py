"""Many shallow trees for one row without walking any: which leaves are left is looked up, and met by a bitwise and.

QuickScorer (Lucchese et al. 2015), with its inner loop worked out beforehand: a node that sends a row to the right
rules out all leaves on its left, and which nodes of a column do so depends only on where the value lies among their
thresholds. So for each column and each such place, one line of a table has the leaves of every tree that are left. The
`and` of the lines of all columns leaves the leaf that the row reaches as the first one. This takes a few calls of
numpy, whatever the depth, and looks at memory in a few long lines, where a walk goes from node to node.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flowml.automl.predictors.checking import not_above
from flowml.automl.predictors.links import mean_of_row
from flowml.automl.predictors.nodes.forest import CodeSets, Forest, NodeTree

FEWEST_TREES = 150
"""With fewer, walking them natively is quicker."""
MOST_LEAVES = 64
_MOST_BYTES = 24_000_000
# Of the lines that one row looks up for each tree: beyond that walking is quicker.
_MOST_BYTES_A_TREE = 400
_LINE_BYTES = 256
_KINDS = tuple(np.dtype(f"u{size}") for size in (1, 2, 4, 8))
# That nodes ask for, all together; and places that are worked on at once.
_MOST_CODES = 8_000_000
_CELLS_AT_ONCE = 250_000
_INFINITY = 0x7F800000
_SIGN = 0x7FFFFFFF


class RowQuickScorer:
    """Answers of several forests for one row, float32 (features,): the mean of their predictions, (outputs,).

    `features[i]` says where forest i finds its own features in that row. Raises ValueError for forests of which it can
    make nothing, or for which walking is quicker.
    """

    def __init__(self, forests: Sequence[Forest], features: Sequence[np.ndarray]):
        first = forests[0]
        if sum(len(one.trees) for one in forests) < FEWEST_TREES:
            raise ValueError("few trees")
        if any((one.link, one.n_raw, one.groups) != (first.link, first.n_raw, first.groups) for one in forests):
            raise ValueError("forests that answer differently")
        if any(one.combine == "median" or one.lookups for one in forests):
            raise ValueError("forests that are no sums of trees alone")
        self._link = first.link
        units = [one.scale / (len(one.trees) if one.combine == "mean" else 1) for one in forests]
        self._units = np.array(units).reshape(-1, 1)
        self._offsets = np.array([np.broadcast_to(one.offset, (first.n_raw,)) for one in forests])
        # Those of one raw score lie side by side.
        trees = [[tree for at in range(one.groups) for tree in one.trees[at :: one.groups]] for one in forests]
        self._table = LeafTable(trees, features)
        n_rounds = [len(one.trees) // one.groups for one in forests for _ in range(one.groups)]
        self._starts = self._table.slots[np.cumsum(n_rounds) - n_rounds]

    def __call__(self, row: np.ndarray) -> np.ndarray:
        found = self._table.values.take(self._table.reached(row), axis=0)
        raw = np.add.reduceat(found, self._starts, axis=0).reshape(self._offsets.shape)
        return mean_of_row(self._link, raw * self._units + self._offsets)

    def many(self, rows: np.ndarray) -> list[np.ndarray]:
        """The answers for some rows, (rows, features), each as it gets it alone."""
        found = self._table.values.take(self._table.reached_by(rows), axis=0)
        raw = np.add.reduceat(found, self._starts, axis=1).reshape(-1, *self._offsets.shape)
        return [mean_of_row(self._link, one) for one in raw * self._units + self._offsets]


class LeafTable:
    """Which leaf of each tree of several forests a row reaches. Its trees lie in slots, `slots[i]` is that of the i-th
    one, with empty ones behind each forest. Raises ValueError as RowQuickScorer does."""

    def __init__(self, forests: Sequence[Sequence[NodeTree]], features: Sequence[np.ndarray]):
        trees = [tree for forest in forests for tree in forest]
        nodes = _Nodes.of(trees, [where for forest, where in zip(forests, features, strict=True) for _ in forest])
        self._kind = next(kind for kind in _KINDS if nodes.most_leaves <= 8 * kind.itemsize)
        lanes = min(_LINE_BYTES // self._kind.itemsize, max(map(len, forests)))
        n_blocks = [-(-len(forest) // lanes) for forest in forests]
        first_slot = (np.cumsum(n_blocks) - n_blocks) * lanes
        self.slots = np.concatenate(
            [first + np.arange(len(forest)) for first, forest in zip(first_slot, forests, strict=True)]
        )
        # An empty slot has one leaf, behind all others, that is worth nothing.
        self._first_leaf = np.full(sum(n_blocks) * lanes, len(nodes.leaves))
        self._first_leaf[self.slots] = nodes.first_leaf
        # A double of 2^n has n + 1023 as its exponent.
        self._first_leaf -= 1023
        values = np.pad(nodes.leaves, ((0, 1), (0, 0)))
        self.values = values[:, 0].copy() if values.shape[1] == 1 else values
        self._places = np.unique(nodes.place)
        if not len(self._places):
            raise ValueError("trees that ask nothing")
        self._fill(nodes, sum(n_blocks), lanes)

    def _fill(self, nodes: "_Nodes", n_blocks: int, lanes: int) -> None:
        borders, known, place_of = nodes.borders(self._places)
        # What is below the first edge is missing, as is what is beyond the last.
        edges = [np.concatenate([[~_INFINITY - 1], one, [_INFINITY]]) for one in borders]
        slot = self.slots[nodes.tree]
        block_of, lane_of = slot // lanes, slot % lanes
        order = np.lexsort((known, place_of, block_of))
        cuts = np.flatnonzero(np.diff(block_of[order] * len(borders) + place_of[order])) + 1
        # Of each place that a block asks for: which of its lines belongs to each side of the place's edges. The first
        # line of all rules nothing out.
        sides: list[np.ndarray] = [np.zeros(max(map(len, edges)) + 1, dtype=np.int32)]
        tables = [np.full((1, lanes), ~self._kind.type(0))]
        asked: list[list[tuple[int, int]]] = [[] for _ in range(n_blocks)]
        n_lines, n_sides = 1, len(sides[0])
        for chosen in np.split(order, cuts):
            place = int(place_of[chosen[0]])
            room = _MOST_BYTES - n_lines * lanes * self._kind.itemsize - 4 * n_sides
            table, line_of = nodes.table(chosen, lane_of, known, borders[place], self._kind, lanes, room)
            asked[int(block_of[chosen[0]])].append((place, n_sides))
            sides.append((line_of + n_lines).astype(np.int32))
            tables.append(table)
            n_lines, n_sides = n_lines + len(table), n_sides + len(line_of)
        most = max(map(len, asked))
        if most * self._kind.itemsize > _MOST_BYTES_A_TREE:
            raise ValueError("trees that ask for very many columns")
        self._table, self._sides = np.concatenate(tables), np.concatenate(sides)
        self._keys = np.concatenate([(np.int64(number) << 32) + edge for number, edge in enumerate(edges)])
        self._key_of = np.arange(len(edges), dtype=np.int64) << 32
        padded = [one + [(0, 0)] * (most - len(one)) for one in asked]
        self._asked = np.array([[place for place, _ in one] for one in padded])
        # Counted from the first edge of the place.
        first_edge = np.cumsum([0, *map(len, edges)])
        self._first_side = np.array([[side - first_edge[place] for place, side in one] for one in padded])

    def reached(self, row: np.ndarray) -> np.ndarray:
        """The number of the leaf in each slot, which `values` are by: int64 (slots,)."""
        # 0.0 and -0.0 are the same number, and the order of the bits of others is that of what they stand for.
        bits = (row.take(self._places) + np.float32(0.0)).view(np.int32)
        keys = (bits ^ ((bits >> 31) & _SIGN)) + self._key_of
        lines = self._sides.take(self._keys.searchsorted(keys).take(self._asked) + self._first_side)
        return self._first_of(np.bitwise_and.reduce(self._table.take(lines, axis=0), axis=1).ravel())

    def reached_by(self, rows: np.ndarray) -> np.ndarray:
        """The same for some rows, (rows, features): int64 (rows, slots)."""
        bits = (rows.take(self._places, axis=1) + np.float32(0.0)).view(np.int32)
        keys = (bits ^ ((bits >> 31) & _SIGN)) + self._key_of
        sides = self._keys.searchsorted(keys.ravel()).reshape(keys.shape)
        lines = self._sides.take(sides.take(self._asked, axis=1) + self._first_side)
        # One line of each block of trees after the other: so what is worked on stays in the processor's cache.
        left = self._table.take(lines[..., 0], axis=0)
        for column in range(1, lines.shape[2]):
            left &= self._table.take(lines[..., column], axis=0)
        return self._first_of(left.reshape(len(rows), -1))

    def _first_of(self, left: np.ndarray) -> np.ndarray:
        """The number of the first leaf that is left in each slot, of bits that are written over."""
        left &= ~left + self._kind.type(1)
        return np.asarray((left.astype(np.float64).view(np.int64) >> 52) + self._first_leaf)


@dataclass(frozen=True)
class _Nodes:
    """The inner nodes of all trees: whose they are (`tree`), what they ask for (`place` in the row), and the leaves on
    their left as bits, of which the leftmost leaf is the lowest. `key`: a number not above it goes left, as ordered
    bits. A node that asks for codes has `n_codes` of them in `code` from `first_code` on, whose node is `code_node`,
    and they go left (`codes_left`) or right; others have -1 of them."""

    tree: np.ndarray
    place: np.ndarray
    key: np.ndarray
    missing_left: np.ndarray
    left_leaves: np.ndarray
    n_codes: np.ndarray
    first_code: np.ndarray
    code_node: np.ndarray
    code: np.ndarray
    codes_left: np.ndarray
    first_leaf: np.ndarray
    leaves: np.ndarray
    most_leaves: int

    @classmethod
    def of(cls, trees: Sequence[NodeTree], where: Sequence[np.ndarray]) -> "_Nodes":
        sizes = np.array([len(tree.feature) for tree in trees])
        roots = np.cumsum(sizes) - sizes
        tree_of = np.repeat(np.arange(len(trees)), sizes)
        feature = np.concatenate([tree.feature for tree in trees])
        inner = feature >= 0
        base = roots[tree_of]
        left = np.where(inner, np.concatenate([tree.left for tree in trees]) + base, 0)
        right = np.where(inner, np.concatenate([tree.right for tree in trees]) + base, 0)
        levels = [roots]
        while len(below := levels[-1][inner[levels[-1]]]):
            levels.append(np.concatenate([left[below], right[below]]))
        count = np.where(inner, 0, 1)
        for level in reversed(levels):
            of_level = level[inner[level]]
            count[of_level] = count[left[of_level]] + count[right[of_level]]
        most = int(count[roots].max())
        if most > MOST_LEAVES:
            raise ValueError("trees with many leaves")
        first = np.zeros(len(feature), dtype=np.int64)
        for level in levels:
            of_level = level[inner[level]]
            first[left[of_level]] = first[of_level]
            first[right[of_level]] = first[of_level] + count[left[of_level]]
        n_leaves = count[roots]
        first_leaf = np.cumsum(n_leaves) - n_leaves
        values = np.concatenate([tree.value for tree in trees])
        leaves = np.zeros((int(n_leaves.sum()), values.shape[1]))
        leaves[first_leaf[tree_of[~inner]] + first[~inner]] = values[~inner]
        at = np.flatnonzero(inner)
        bits = (np.uint64(1) << count[left[at]].astype(np.uint64)) - np.uint64(1)
        rank = np.cumsum(inner) - 1
        asking = [(root, CodeSets.of(tree.levels), tree.levels_left) for tree, root in zip(trees, roots, strict=True)]
        if sum(len(sets.codes) for _, sets, _ in asking) > _MOST_CODES:
            raise ValueError("trees that ask for very many codes")
        of_codes = rank[np.concatenate([root + sets.nodes for root, sets, _ in asking])]
        counts = np.concatenate([sets.counts for _, sets, _ in asking])
        n_codes, first_code = np.full(len(at), -1), np.zeros(len(at), dtype=np.int64)
        n_codes[of_codes], first_code[of_codes] = counts, np.cumsum(counts) - counts
        codes_left = np.zeros(len(at), dtype=bool)
        codes_left[of_codes] = np.repeat([is_left for *_, is_left in asking], [len(sets) for _, sets, _ in asking])
        codes = np.concatenate([sets.codes for _, sets, _ in asking]).astype(np.float32)
        threshold = np.concatenate([tree.threshold for tree in trees])[at]
        place = np.concatenate([one[tree.feature] for one, tree in zip(where, trees, strict=True)])[at]
        return cls(
            tree=tree_of[at],
            place=place,
            key=_keys_of(not_above(threshold)),
            missing_left=np.concatenate([tree.missing_left for tree in trees])[at],
            left_leaves=bits << first[at].astype(np.uint64),
            n_codes=n_codes,
            first_code=first_code,
            code_node=np.repeat(of_codes, counts),
            code=_keys_of(codes),
            codes_left=codes_left,
            first_leaf=first_leaf,
            leaves=leaves,
            most_leaves=most,
        )

    def borders(self, places: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """The keys at which what is made of a place's value changes, of each; which of them is each node's; and the
        number of each node's place. A code has one right before it, so that it is alone between two."""
        place_of = np.searchsorted(places, self.place)
        code_place = place_of[self.code_node]
        borders, known = [], np.zeros(len(self.key), dtype=np.int64)
        plain = np.flatnonzero(self.n_codes < 0)
        of_place = zip(
            _grouped(plain, place_of[plain], len(places)), _grouped(self.code, code_place, len(places)), strict=True
        )
        for here, asked in of_place:
            codes = np.unique(asked)
            found = np.unique(np.concatenate([self.key[here], codes - 1, codes]))
            known[here] = np.searchsorted(found, self.key[here])
            borders.append(found)
        return borders, known, place_of

    def table(
        self,
        chosen: np.ndarray,
        lane_of: np.ndarray,
        known: np.ndarray,
        borders: np.ndarray,
        kind: np.dtype,
        lanes: int,
        room: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The leaves that are left in each of some trees by these nodes, all of one place: lines (lines, lanes), and
        which line belongs to each side of the place's borders, a missing value first and last. Raises ValueError where
        they would take more than so many bytes."""
        of_codes = self.n_codes[chosen] >= 0
        plain, coded = chosen[~of_codes], chosen[of_codes]
        # Those of one tree side by side.
        coded = coded[np.argsort(lane_of[coded], kind="stable")]
        counts = self.n_codes[coded]
        pairs = np.repeat(self.first_code[coded] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        codes = np.searchsorted(borders, self.code[pairs])
        used = np.unique(np.concatenate([known[plain], codes - 1, codes]))
        missing = len(used) + 1
        if (missing + 1) * lanes * kind.itemsize + 4 * (len(borders) + 3) > room:
            raise ValueError("a table that takes too much room")
        found = np.full((missing + 1, lanes), ~np.zeros((), dtype=kind))
        masks = (~self.left_leaves[chosen]).astype(kind)
        first = np.searchsorted(used, known[plain]) + 1
        np.bitwise_and.at(found, (first, lane_of[plain]), masks[~of_codes])
        np.bitwise_and.accumulate(found[:missing], axis=0, out=found[:missing])
        at_once, ends = max(1, _CELLS_AT_ONCE // missing), np.cumsum(counts)
        for first_node in range(0, len(coded), at_once):
            some = slice(first_node, first_node + at_once)
            nodes, lane = coded[some], lane_of[coded[some]]
            here = slice(ends[first_node] - counts[first_node], ends[some][-1])
            goes_right = np.repeat(self.codes_left[nodes], missing).reshape(-1, missing)
            asked = np.repeat(np.arange(len(nodes)), counts[some]), np.searchsorted(used, codes[here])
            goes_right[asked] = ~goes_right[asked]
            left = np.where(goes_right, (~self.left_leaves[nodes]).astype(kind)[:, None], ~kind.type(0))
            starts = np.flatnonzero(np.diff(lane, prepend=-1))
            found[:missing, lane[starts]] &= np.bitwise_and.reduceat(left, starts, axis=0).T
        lacking = ~self.missing_left[chosen]
        np.bitwise_and.at(found[missing], lane_of[chosen[lacking]], masks[lacking])
        between = np.searchsorted(used, np.arange(len(borders) + 1))
        return found, np.concatenate([[missing], between, [missing]])


def _grouped(values: np.ndarray, group: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """The values of each group, which has a number."""
    order = np.argsort(group, kind="stable")
    return np.split(values[order], np.searchsorted(group[order], np.arange(1, n_groups)))


def _keys_of(values: np.ndarray) -> np.ndarray:
    """int64 in the order of these numbers of single precision."""
    bits = (values + np.float32(0.0)).view(np.int32)
    return np.asarray(bits ^ ((bits >> 31) & _SIGN), dtype=np.int64)
