"""What the reading of texts takes, in programs that have no FlowML: files carry a copy of everything below in front of
those of `data/conversion/styles.py` and `cells.py`, whose `Notation` this stands for."""

from typing import Any

Kind = str


class Notation:
    """As the model file has it: what is not there is as usual."""

    def __init__(self, state: dict[str, Any]):
        self.decimal = self.order = self.counted = self.missing = None
        self.thousands = self.currency = ""
        self.percent = self.literal = self.formulas = False
        vars(self).update(state)


def _with_numbers(text: str) -> str:
    """Names of months are for FlowML to read; here such a text is no date."""
    return text
