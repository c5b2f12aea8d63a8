"""Which row belongs to which fold."""

import numpy as np

PLACED_ONE_BY_ONE = 2_000
# Folds are numbered in int8.
MOST_FOLDS = 100
MOST_HELD_OUT = 50_000


def make_folds(target: np.ndarray, n_folds: int, seed: int, *, stratified: bool) -> np.ndarray:
    """The fold of each row: int8, values 0..n_folds-1, shape (rows,).

    Classes (`target` holds their codes) are spread evenly over the folds, so that every fold leaves something of each
    to learn from; the only row of a class gets -1, for it can be learned from and not tested. Numbers are spread by
    rank, which makes the folds' scores agree better than a plain shuffle does. No fold is empty where there are as many
    rows as folds.
    """
    generator = np.random.default_rng(seed)
    key = target if stratified else _rank_blocks(target, n_folds)
    order = np.lexsort((generator.random(len(target)), key))
    folds = np.full(len(target), -1, dtype=np.int8)
    if stratified:
        order = order[np.bincount(target)[target[order]] > 1]
    folds[order] = (np.arange(len(order)) + int(generator.integers(n_folds))) % n_folds
    return folds


def hold_out_fold(target: np.ndarray, seed: int, *, stratified: bool, groups: np.ndarray | None = None) -> np.ndarray:
    """One fold: 0 for about every tenth row, at most MOST_HELD_OUT, and -1 for those that are only learned from.

    Whole `groups` (a number for each row) stay together where they are given. Classes, or values by rank, are held out
    evenly, and so are large and small groups. Of each class something is left to learn from.
    """
    group = np.arange(len(target)) if groups is None else groups
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


def group_folds(groups: np.ndarray, target: np.ndarray, n_folds: int, seed: int, *, stratified: bool) -> np.ndarray:
    """Folds that split no group (`groups` holds a number for each row), int8 (rows,).

    Large groups first, each goes where its classes (or fifths of the values) are rarest so far, so that folds are as
    even and as alike as whole groups allow. Groups outside which a class does not occur get -1, for no model could
    learn it from the others. There are fewer folds where there are fewer groups.
    """
    classes = target if stratified else np.digitize(target, np.unique(np.quantile(target, [0.2, 0.4, 0.6, 0.8])))
    n_groups, n_classes = int(groups.max()) + 1, int(classes.max()) + 1
    n_folds = min(n_folds, n_groups)
    counts = np.bincount(groups * n_classes + classes, minlength=n_groups * n_classes).reshape(n_groups, n_classes)
    sizes = counts.sum(axis=1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    held = np.zeros((n_folds, n_classes))
    total = np.zeros(n_folds)
    fold_of_group = np.empty(n_groups, dtype=np.int8)
    order = np.lexsort((np.random.default_rng(seed).random(n_groups), -sizes))
    # The small ones of many are spread evenly, class by class; only of large ones does each one's place matter.
    small = order[PLACED_ONE_BY_ONE:]
    small = small[np.argsort(shares[small].argmax(axis=1), kind="stable")]
    fold_of_group[small] = np.arange(len(small)) % n_folds
    for group in order[:PLACED_ONE_BY_ONE]:
        # How much more uneven each fold would make the whole: the growth of the sum of squared shares.
        cost = (shares[group] * (2 * held + shares[group])).sum(axis=1)
        fold = int(np.lexsort((total, np.round(cost, 12)))[0])
        fold_of_group[group] = fold
        held[fold] += shares[group]
        total[fold] += sizes[group]
    folds = np.asarray(fold_of_group[groups])
    return _leave_every_class(folds, target, groups) if stratified else folds


def time_folds(moments: np.ndarray, n_folds: int, classes: np.ndarray | None = None) -> np.ndarray | None:
    """Forward chaining: fold i is later than what its models learn from, all rows of fold i - 1 and before.

    `moments` (rows,) may hold NaN: when that was is not known, so those rows, like the earliest, get -1 and are only
    learned from. Rows of one moment stay together. With `classes`, codes of each row, the first fold begins when all
    of them have occurred; the only row of a class is learned from whenever it was, and not tested. None where too few
    rows are left to test on.
    """
    single = np.zeros(len(moments), dtype=bool)
    if classes is not None:
        single = np.bincount(classes)[classes] == 1
    known = np.flatnonzero(np.isfinite(moments) & ~single)
    order = known[np.argsort(moments[known], kind="stable")]
    n_rows = len(order)
    tested = min(n_rows // 10, MOST_HELD_OUT) if n_folds == 1 else n_rows - n_rows // (n_folds + 1)
    begin, least = n_rows - tested, 1
    if classes is not None and n_rows:
        codes, first = np.unique(classes[order], return_index=True)
        # What occurs in a row of an unknown moment is learned from the beginning.
        waited = first[~np.isin(codes, classes[~np.isfinite(moments)])]
        least = int(waited.max(initial=0)) + 1
        begin = max(begin, least)
    # Where a new moment begins; only there may a fold begin.
    fresh = np.flatnonzero(np.diff(moments[order], prepend=-np.inf) > 0)
    wanted = begin + (n_rows - begin) * np.arange(n_folds) / n_folds
    at = np.searchsorted(fresh, np.ceil(wanted))
    starts = np.unique(fresh[at[at < len(fresh)]])
    if not len(starts) and len(fresh) and fresh[-1] >= least:
        # One moment holds all that would be tested and more: it is the test.
        starts = fresh[-1:]
    if not len(starts) or starts[0] == 0 or n_rows - starts[0] < max(2, n_rows // 20):
        return None
    folds = np.full(len(moments), -1, dtype=np.int8)
    folds[order] = np.searchsorted(starts, np.arange(n_rows), side="right") - 1
    return folds


def inner_folds(units: np.ndarray, n_folds: int, seed: int, *, in_order: bool) -> np.ndarray:
    """Folds of about the same size that split no unit, int64 (rows,), for what is learned and applied within a fit.

    `units` (rows,) are numbers: of what rows belong to, or, `in_order`, of when they were; then each fold is a stretch
    of time. Rows of a single unit cannot be kept apart and are drawn at random.
    """
    numbers, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
    generator = np.random.default_rng(seed)
    if len(numbers) < 2:
        return np.asarray(generator.permutation(len(units)) % n_folds)
    order = np.arange(len(numbers)) if in_order else generator.permutation(len(numbers))
    before = np.cumsum(sizes[order]) - sizes[order]
    fold_of_unit = np.empty(len(numbers), dtype=np.int64)
    # By the middle of each unit, so that the last is not always left with what is too little.
    fold_of_unit[order] = (before + sizes[order] / 2) * min(n_folds, len(numbers)) // len(units)
    return np.asarray(fold_of_unit[unit.reshape(-1)])


def _leave_every_class(folds: np.ndarray, target: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Groups that hold all there is of a class outside some fold become rows that are only learned from."""
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        for code in np.setdiff1d(target[held], target[~held]):
            own = (folds == fold) & (target == code)
            # A group that went for the sake of another class may have taken this one along.
            if own.sum() == (target == code).sum():
                groups, counts = np.unique(group[own], return_counts=True)
                folds[group == groups[np.argmin(counts)]] = -1
    return folds


def _rank_blocks(values: np.ndarray, n_folds: int) -> np.ndarray:
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return np.asarray(ranks // n_folds)
