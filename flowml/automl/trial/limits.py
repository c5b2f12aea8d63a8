"""What a trial may take, of time and of memory, wherever it runs."""

_LATE_SHARE = 0.15
_MOST_CACHED_BYTES = 1_500_000_000


def late_seconds(seconds_left: float) -> float:
    """How long after its deadline a trial may still be at work: what has been fitted in time is worth the moment that
    its figures and its file take. `seconds_left`: until the deadline."""
    return _LATE_SHARE * max(0.0, seconds_left)


def cache_bytes(memory_bytes: int) -> int:
    """How much encoded tables may hold, where a trial may hold `memory_bytes`: a quarter leaves enough for the fits
    that use them."""
    return min(_MOST_CACHED_BYTES, memory_bytes // 4)


def too_much_memory(memory_bytes: int) -> str:
    """Why a process was ended that held more than that."""
    return f"It needed more memory than the {memory_bytes / 1e9:.1f} GB that one trial may use."
