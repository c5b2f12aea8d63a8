"""How good a model is, in a word; everything else that is said of it follows from that."""

from flowml.assistant.sentences.results.findings import Findings

NONE, GUESSING, PERFECT = "none", "guessing", "perfect"
WEAK, MODEST, GOOD, EXCELLENT = "weak", "modest", "good", "excellent"
_STEPS = ((0.2, WEAK), (0.5, MODEST), (0.85, GOOD))
_PERFECT = 0.997
_HARDLY = 0.02
_FEW, _FEW_OF_CLASS = 100, 30
_FINDS = 0.5


def verdict(findings: Findings) -> str:
    """By how far it gets from guessing to perfect. What is not surely better than guessing is no better."""
    if findings.model_id is None:
        return NONE
    skill = findings.skill
    if findings.is_guess or not findings.surely_better or (skill is not None and skill < _HARDLY):
        return GUESSING
    if skill is None:
        return MODEST
    if skill >= _PERFECT:
        return PERFECT
    return next((word for most, word in _STEPS if skill < most), EXCELLENT)


def is_small(findings: Findings) -> bool:
    """Whether there are so few rows that luck decides much."""
    matrix = findings.matrix
    if matrix is not None and len(matrix.labels) == 2:
        return findings.n_rows < _FEW or min(matrix.of(0), matrix.of(1)) < _FEW_OF_CLASS
    return findings.n_rows < _FEW


def is_lopsided(findings: Findings) -> bool:
    """Whether nearly all rows are of one class, so that a share of right answers says little."""
    return findings.matrix is not None and findings.matrix.guess_share >= 0.85


def finds_few(findings: Findings) -> bool:
    """Whether it hardly finds the rarest class, whatever its order of the rows is worth."""
    matrix = findings.matrix
    if matrix is None or not matrix.total:
        return False
    return matrix.counts[matrix.rarest][matrix.rarest] < _FINDS * matrix.of(matrix.rarest)


def ranks_only(findings: Findings) -> bool:
    """Whether it was judged by its order of the rows or by its probabilities, and its answers themselves are worth
    little: hardly more of them are right than by always saying the commonest class, and the rarest is not found."""
    matrix = findings.matrix
    if matrix is None or findings.metric not in ("roc_auc", "log_loss"):
        return False
    share = matrix.right / max(matrix.total, 1)
    return finds_few(findings) and (is_lopsided(findings) or share - matrix.guess_share < _HARDLY)
