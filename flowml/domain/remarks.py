"""Remarks: what is worth saying about how a table was read or made, for people and for programs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class RemarkSeverity(StrEnum):
    """How much a remark matters, the gravest first: something of the file is not in the table, something was
    decided that may have been meant otherwise, or how it was read is merely worth knowing."""

    LOSS = "loss"
    DECISION = "decision"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """From 0, the gravest."""
        return list(RemarkSeverity).index(self)


@dataclass(frozen=True)
class Remark:
    """What is worth saying about how a table was read or made. `code` is the word for programs and stays the same
    (docs/data.md has all of them); `text` is a sentence for people."""

    code: str
    severity: RemarkSeverity
    text: str

    @classmethod
    def of_record(cls, record: str | Mapping[str, str]) -> "Remark":
        """From JSON, which holds a plain sentence where a table was read before remarks had codes."""
        if isinstance(record, str):
            # It may have been a loss, which must not stand behind what is merely worth knowing.
            return cls("uncoded", RemarkSeverity.DECISION, record)
        return cls(record["code"], RemarkSeverity(record["severity"]), record["text"])

    def or_graver(self, other: "Remark") -> "Remark":
        """The other one where that is graver."""
        return min(self, other, key=lambda remark: remark.severity.rank)

    def followed_by(self, other: "Remark") -> "Remark":
        """Both as one, which is as grave as the graver of them."""
        return replace(self.or_graver(other), text=f"{self.text} {other.text}")


# One word for each severity, so that a reader says what it has to in one line.
def loss(code: str, text: str) -> Remark:
    """Something of the file is not in the table."""
    return Remark(code, RemarkSeverity.LOSS, text)


def decision(code: str, text: str) -> Remark:
    """Something was decided that may have been meant otherwise."""
    return Remark(code, RemarkSeverity.DECISION, text)


def note(code: str, text: str) -> Remark:
    """How something was read, where that is not as everywhere."""
    return Remark(code, RemarkSeverity.NOTE, text)


def sentences(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """What they say to people."""
    return tuple(remark.text for remark in remarks)
