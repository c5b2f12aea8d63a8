"""Everything FlowML says no with.

    FlowMLError                 a sentence for the person, and what to do about it
    ├── InvalidInput            422  the request is understood, a value in it cannot be used
    │   └── UnreadableFile      422  the file is not what it says, or it is damaged
    ├── MalformedRequest        400  not JSON, not multipart, not a number
    ├── Unauthorized            401  no credential, or not a valid one
    ├── Forbidden               403  a credential that may not do this, a foreign Host or Origin
    ├── NotFound                404  no such thing
    │   └── LeaseLost       404  somebody else has this trial now, or nobody wants it any more
    ├── WrongState              409  it exists, but not in a state that allows this
    ├── TooLarge                413  over a limit of this server
    ├── UnsupportedFormat       415  no reader for this kind of file
    ├── TooMany                 429  too many at once
    ├── NotReady                503  the part that answers this is not there (yet)
    │   └── NoAnswer        503  a language model gave none, or none that is of use
    │       └── NoAssistant 503  there is no language model to ask
    ├── Damaged             503  what is stored is not what was written
    │   └── DamagedDatabase     the database is not
    ├── NoRoom              507  the disk is full
    ├── NotApplicable           an algorithm or a format that is not for this input: a normal answer
    ├── TrialFailed             one evaluation failed; says why
    ├── DeadlineReached         a fit noticed that its time is over
    └── StartupError            the server cannot start: one line on stderr, exit code 1

The web layer turns each into its HTTP status in one place (`web/errors.py`), the command line into an exit code.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of a request."""

    field: str
    message: str


class FlowMLError(Exception):
    """Base of every error a person may see.

    `detail` says what is wrong with this input in words a non-expert understands; `hint` says what to do.
    """

    def __init__(self, detail: str, *, hint: str | None = None):
        super().__init__(detail)
        self.detail = detail
        self.hint = hint


class InvalidInput(FlowMLError, ValueError):
    """A value that cannot be used; `fields` names which. Also a ValueError, as scientific Python expects."""

    def __init__(self, detail: str, *, hint: str | None = None, fields: tuple[FieldProblem, ...] = ()):
        super().__init__(detail, hint=hint)
        self.fields = fields

    @classmethod
    def of_field(cls, field: str, message: str, *, hint: str | None = None) -> "InvalidInput":
        return cls(message, hint=hint, fields=(FieldProblem(field, message),))


class UnreadableFile(InvalidInput):
    """A file that is damaged, empty or not what it says."""


class MalformedRequest(FlowMLError):
    """A request that cannot be parsed at all."""


class Unauthorized(FlowMLError):
    """No credential, or not a valid one."""


class Forbidden(FlowMLError):
    """A caller that may not do this."""


class NotFound(FlowMLError):
    """No such thing."""


class LeaseLost(NotFound):
    """Somebody else has this trial now, or nobody wants it any more: its outcome is of no use."""


class WrongState(FlowMLError):
    """The thing exists, but its state does not allow this."""


class TooLarge(FlowMLError):
    """Over a limit of this server."""


class UnsupportedFormat(FlowMLError):
    """No reader for this kind of file."""


class NotAcceptable(FlowMLError):
    """The answer is in none of the formats that its caller takes."""


class TooMany(FlowMLError):
    """Too many at once."""


class NotReady(FlowMLError):
    """The part that answers this is not available (yet)."""


class NoAnswer(NotReady):
    """A language model gave none, or none that is of use; says why and what to do."""


class NoAssistant(NoAnswer):
    """There is no language model to ask; says how one is set up."""


class Damaged(FlowMLError):
    """What is stored is not what was written: the disk, or something beside FlowML, has changed it."""


class DamagedDatabase(Damaged):
    """A part of the database is not what was written."""


class NoRoom(FlowMLError):
    """The disk of this server is full, or so nearly that nothing more is begun."""


class NotApplicable(FlowMLError):
    """This algorithm or format is not for this input. A normal answer, apart from failure."""


class TrialFailed(FlowMLError):
    """One evaluation failed; the detail is recorded with the trial and shown."""


class Pruned(FlowMLError):
    """The first fold showed that the others are not worth their time. `first_score` is None where it was not fitted."""

    def __init__(self, detail: str, first_score: float | None = None):
        super().__init__(detail)
        self.first_score = first_score

    @property
    def fold_scores(self) -> tuple[float, ...]:
        """The scores of the folds that were fitted."""
        return () if self.first_score is None else (self.first_score,)


class DeadlineReached(FlowMLError):
    """A fit noticed that its time is over before it had anything usable."""


class StartupError(FlowMLError):
    """The server cannot start."""
