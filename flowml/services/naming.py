"""What data sets and training runs are called: no two by the same name, and each may be given another one."""

from typing import Protocol

from flowml.domain.errors import InvalidInput, WrongState
from flowml.domain.names import LONGEST_NAME, numbered, shown

ROOM_FOR_A_NUMBER = 20


class Named(Protocol):
    """A table of things with names."""

    def names_from(self, beginning: str) -> set[str]:
        """The names that begin like this."""
        ...


def free_name(things: Named, name: str) -> str:
    """This name, with a number where another thing has it already; within the transaction that stores it."""
    name = shown(name)
    return numbered(name, things.names_from(name[: LONGEST_NAME - ROOM_FOR_A_NUMBER]))


def new_name(things: Named, name: str, before: str, what: str) -> str:
    """The name that a thing called `before` shall have; within the transaction that stores it. `what` it is comes in
    words. Raises InvalidInput for a name of nothing that can be seen, WrongState when another thing has it."""
    wanted = shown(name)
    if not wanted:
        raise InvalidInput.of_field("name", "A name needs at least one character that can be seen.")
    taken = things.names_from(wanted[: LONGEST_NAME - ROOM_FOR_A_NUMBER])
    if wanted != before and wanted in taken:
        raise WrongState(
            f"Another {what} is called “{wanted}”.", hint=f"Choose another name: “{numbered(wanted, taken)}” is free."
        )
    return wanted
