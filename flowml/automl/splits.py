"""Which row belongs to which fold."""

import numpy as np
import polars as pl

MOST_HELD_OUT = 50_000


def make_folds(frame: pl.DataFrame, target: np.ndarray, n_folds: int, seed: int, *, stratified: bool) -> np.ndarray:
    """The fold of each row: int8, values 0..n_folds-1, shape (rows,).

    Exact duplicates of a row's features stay together, or the held-out score would be told by memory. Classes
    (`target` holds their codes) are spread evenly over the folds; numbers are too, by rank, which makes the folds'
    scores agree better than a plain shuffle does.
    """
    folds = _assign(_duplicate_groups(frame), target, n_folds, seed, stratified)
    if stratified:
        for code, count in enumerate(np.bincount(target)):
            rows = np.flatnonzero(target == code) if count > 1 else np.empty(0, dtype=np.int64)
            if len(np.unique(folds[rows])) == 1:
                # All rows of a class are alike: held together they would leave a fold that has never seen the class.
                folds[rows] = (folds[rows[0]] + np.arange(len(rows))) % n_folds
    return folds


def hold_out_fold(
    frame: pl.DataFrame, target: np.ndarray, seed: int, *, stratified: bool, groups: np.ndarray | None = None
) -> np.ndarray:
    """One fold: 0 for about every tenth row, at most MOST_HELD_OUT, and -1 for those that are only learned from.

    Exact duplicates stay together, or whole `groups` (a number for each row) where they are given; classes, or values
    by rank, are held out evenly, and so are large and small groups. Of each class something is left to learn from.
    """
    group = _duplicate_groups(frame) if groups is None else groups
    sizes = np.bincount(group)
    first = np.full(len(sizes), len(target))
    np.minimum.at(first, group, np.arange(len(target)))
    every = max(10, -(-len(target) // MOST_HELD_OUT))
    key = target[first] if stratified else _rank_blocks(target[first], every)
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), -sizes, key))
    starts = np.searchsorted(key[order], key[order])
    position = np.arange(len(order)) - starts
    members = np.searchsorted(key[order], key[order], side="right") - starts
    # In the middle of each ten, and not the first: the largest group of all is for learning.
    chosen = (position % every == np.minimum(every // 2, members - 1)) & (members > 1)
    held = np.zeros(len(sizes), dtype=bool)
    held[order] = chosen
    folds = np.where(held[group], 0, -1).astype(np.int8)
    return _leave_every_class(folds, target, group) if stratified else folds


def _leave_every_class(folds: np.ndarray, target: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Groups that hold all there is of a class outside some fold become rows that are only learned from."""
    classes = int(target.max()) + 1
    for fold in range(int(folds.max()) + 1):
        outside = np.bincount(target[folds != fold], minlength=classes)
        present = np.bincount(target, minlength=classes)
        for code in np.flatnonzero((outside == 0) & (present > 0)):
            groups, counts = np.unique(group[(folds == fold) & (target == code)], return_counts=True)
            folds[group == groups[np.argmin(counts)]] = -1
    return folds


def _assign(group: np.ndarray, target: np.ndarray, n_folds: int, seed: int, stratified: bool) -> np.ndarray:
    generator = np.random.default_rng(seed)
    sizes = np.bincount(group)
    first = np.full(len(sizes), len(target))
    np.minimum.at(first, group, np.arange(len(target)))
    key = target[first] if stratified else _rank_blocks(target[first], n_folds)
    # Within a class (or a block of neighbouring values) groups come in random order, large ones first, and each
    # goes where that class has fewest rows so far.
    order = np.lexsort((generator.random(len(sizes)), -sizes, key))
    fold_of_group = np.empty(len(sizes), dtype=np.int8)
    if sizes.max() == 1:
        start = int(generator.integers(n_folds))
        fold_of_group[order] = ((np.arange(len(order)) + start) % n_folds).astype(np.int8)
        return np.asarray(fold_of_group[group])
    total = np.zeros(n_folds)
    ends = np.flatnonzero(np.diff(key[order], append=key[order[-1]] + 1)) + 1
    start = 0
    for end in ends:
        members, held = order[start:end], np.zeros(n_folds)
        start = int(end)
        several = int(np.searchsorted(-sizes[members], -1))
        for index in members[:several]:
            fold = int(np.lexsort((total, held))[0])
            fold_of_group[index] = fold
            held[fold] += sizes[index]
            total[fold] += sizes[index]
        # Rows that have no twin fill up what the larger groups left uneven, all at once.
        room = _filled_up(held, total, len(members) - several)
        fold_of_group[members[several:]] = np.repeat(np.arange(n_folds), room)
        total += room
    return np.asarray(fold_of_group[group])


def _filled_up(held: np.ndarray, total: np.ndarray, n_rows: int) -> np.ndarray:
    """How many of `n_rows` single rows go to each fold, so that those which hold least come first, int64 (folds,)."""
    order = np.lexsort((total, held))
    levels = held[order]
    # With the first k folds raised to the level of the next one, so many rows have found their place.
    needed = np.arange(1, len(order)) * levels[1:] - np.cumsum(levels)[:-1]
    raised = int(np.searchsorted(needed, n_rows)) + 1
    level, rest = divmod(int(levels[:raised].sum()) + n_rows, raised)
    room = np.zeros(len(order), dtype=np.int64)
    room[order[:raised]] = level - levels[:raised].astype(np.int64) + (np.arange(raised) < rest)
    return room


def _duplicate_groups(frame: pl.DataFrame) -> np.ndarray:
    if frame.width == 0:
        return np.arange(frame.height)
    hashes = frame.hash_rows(seed=0).to_numpy()
    return np.asarray(np.unique(hashes, return_inverse=True)[1].reshape(-1))


def _rank_blocks(values: np.ndarray, n_folds: int) -> np.ndarray:
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return np.asarray(ranks // n_folds)
