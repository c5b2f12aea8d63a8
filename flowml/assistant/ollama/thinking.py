"""Thoughts that a model says aloud in its answer, between <think> and </think>, where its server does not keep them
apart: they are no part of it."""

_OPENS, _CLOSES = "<think>", "</think>"


class WithoutThinking:
    """Takes an answer piece by piece and gives it without the thoughts before it. What may still become a mark is held
    back until that is clear.

    >>> plain = WithoutThinking()
    >>> [plain.take(piece) for piece in ("<th", "ink>Hm, a < b.</thi", "nk>", "\\n\\nYes", "<think>")], plain.rest()
    (['', '', '', 'Yes', '<think>'], '')
    >>> plain = WithoutThinking()
    >>> plain.take("<thin"), plain.rest()
    ('', '<thin')
    """

    def __init__(self) -> None:
        self._held = ""
        self._begun = False
        self.is_thinking = False

    def take(self, piece: str) -> str:
        """What of the answer is clear with this piece."""
        if self._begun:
            return piece
        self._held += piece
        if not self.is_thinking:
            # Blanks before the answer are none of it: however many there are, none is looked at twice.
            self._held = self._held.lstrip()
            if _OPENS.startswith(self._held[: len(_OPENS)]) and len(self._held) < len(_OPENS):
                return ""
            if not self._held.startswith(_OPENS):
                return self._begin()
            self.is_thinking, self._held = True, self._held[len(_OPENS) :]
        _, closed, rest = self._held.partition(_CLOSES)
        if not closed:
            # Of thoughts only as much is kept as may be the beginning of their end.
            self._held = self._held[-len(_CLOSES) :]
            return ""
        self.is_thinking, self._held = False, rest.lstrip()
        # Until something comes, blanks are held back as what may become a mark is.
        return self._begin() if self._held else ""

    def rest(self) -> str:
        """What was held back, at the end of the answer. Thoughts without an end are none of it."""
        return "" if self.is_thinking or self._begun else self._begin().strip()

    def _begin(self) -> str:
        self._begun = True
        held, self._held = self._held, ""
        return held
