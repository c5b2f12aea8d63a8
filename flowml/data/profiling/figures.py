"""Names of the figures that are kept with a table, so that whoever computes one and whoever asks for it agree."""

DEFAULT_BINS = 20


def distribution_name(column: str, bins: int = DEFAULT_BINS) -> str:
    """How the distribution of a column is kept.

    >>> distribution_name("age")
    'distribution:20:age'
    """
    return f"distribution:{bins}:{column}"
