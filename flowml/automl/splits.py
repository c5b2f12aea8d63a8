"""Which row belongs to which fold."""

import numpy as np
import polars as pl


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
    current, held = None, np.zeros(n_folds)
    for index in order:
        if key[index] != current:
            current, held = key[index], np.zeros(n_folds)
        fold = int(np.lexsort((total, held))[0])
        fold_of_group[index] = fold
        held[fold] += sizes[index]
        total[fold] += sizes[index]
    return np.asarray(fold_of_group[group])


def _duplicate_groups(frame: pl.DataFrame) -> np.ndarray:
    if frame.width == 0:
        return np.arange(frame.height)
    hashes = frame.hash_rows(seed=0).to_numpy()
    return np.asarray(np.unique(hashes, return_inverse=True)[1].reshape(-1))


def _rank_blocks(values: np.ndarray, n_folds: int) -> np.ndarray:
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return np.asarray(ranks // n_folds)
