"""How code is refused: in words, with its line and column, and what to do instead."""

import ast
import difflib
import re
from collections.abc import Sequence

from flowml.assistant.code import allowed
from flowml.assistant.code.kinds import Value
from flowml.assistant.code.source import Refusal

MOST_SHOWN = 40
LONGEST_NAME = 60
STATEMENTS = {
    ast.Import: ("Nothing is imported here.", "pl (Polars), cs (its selectors) and df (the table) are there already."),
    ast.ImportFrom: ("Nothing is imported.", "pl (Polars), cs (its selectors) and df (the table) are there already."),
    ast.For: ("Loops do not run here.", "Say it for all columns at once: [… for name in df.columns], or cs.string()."),
    ast.AsyncFor: ("Loops do not run here.", "Say it with expressions on whole columns."),
    ast.While: ("Loops do not run here.", "Say it with expressions on whole columns."),
    ast.If: ("There is no if here.", "Say it with pl.when(…).then(…).otherwise(…)."),
    ast.FunctionDef: ("Functions cannot be defined here.", "Say it with expressions."),
    ast.AsyncFunctionDef: ("Functions cannot be defined here.", "Say it with expressions."),
    ast.ClassDef: ("Classes cannot be defined here.", "Say it with expressions."),
    ast.AugAssign: ("A name cannot be changed in place.", "Say df = df.with_columns(…)."),
    ast.AnnAssign: ("Names have no types here.", "Leave out the colon and what follows it."),
    ast.Delete: ("Nothing is deleted here.", "Say df = df.drop(…)."),
}
EXPRESSIONS = {
    ast.Lambda: ("Functions cannot be defined here.", "Say it with expressions, as pl.when(…).then(…).otherwise(…)."),
    ast.IfExp: ("There is no if here.", "Say it with pl.when(…).then(…).otherwise(…)."),
    ast.NamedExpr: ("“:=” is not allowed.", "Give it a name on a line of its own."),
    ast.GeneratorExp: ("Generators are not allowed.", "Write a list: […]."),
    ast.SetComp: ("Sets are not allowed here.", "Write a list: […]."),
    ast.Await: ("“await” is not allowed.", "Leave it out."),
    ast.Yield: ("“yield” is not allowed.", "Leave it out."),
    ast.YieldFrom: ("“yield” is not allowed.", "Leave it out."),
    ast.Starred: ("“*” in front of a value is not allowed.", "Give the list itself: Polars takes lists."),
    ast.BoolOp: ("“and” and “or” do not work on columns.", "Write & and |, with brackets around both sides."),
}


class Refusing:
    """Collects refusals of one piece of code; `names` are those that it may use."""

    def __init__(self, source: str, names: dict[str, Value]):
        self.lines = source.split("\n")
        self.names = names
        self.refusals: list[Refusal] = []

    def unknown(self, node: ast.Attribute, name: str, known: frozenset[str]) -> None:
        instead = allowed.instead_of(node.attr)
        if instead is None:
            close = self.close_to(node.attr, sorted(known))
            instead = f"Did you mean {name.removesuffix(node.attr)}{close[0]}?" if close else ""
        self.refuse_at_name(node, f"“{name[:60]}” is not among what may be called.", instead)

    def close_to(self, name: str, known: Sequence[str]) -> list[str]:
        """The name that may have been meant, as long as refusals are shown: to look for it takes time."""
        if len(self.refusals) >= MOST_SHOWN:
            return []
        return difflib.get_close_matches(name[:LONGEST_NAME], known, 1)

    def called_by_name(self, node: ast.Name) -> None:
        if node.id not in self.names and node.id not in allowed.BUILTINS:
            self.refuse(node, f"There is nothing called “{node.id[:40]}” here.", "Only functions of pl can be called.")

    def hidden(self, node: ast.Attribute) -> None:
        words = f"“.{node.attr[:40]}” begins with “_”: what is inside of Polars and Python is not reached."
        self.refuse_at_name(node, words, "Only methods by their public names can be called.")

    def refuse(self, node: ast.AST, what: str, instead: str = "") -> None:
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        self.refusals.append(Refusal(*self.place(line, column), what, instead))

    def refuse_at_name(self, node: ast.Attribute, what: str, instead: str = "") -> None:
        """Where the name stands, which may be lines below the beginning of its chain."""
        line = node.end_lineno or node.lineno
        end = self.place(line, node.end_col_offset or 0)[1]
        self.refusals.append(Refusal(line, max(1, end - len(node.attr)), what, instead))

    def place(self, line: int, offset: int) -> tuple[int, int]:
        """Line and column, from 1; Python counts columns in bytes."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return line, len(text.encode()[:offset].decode(errors="ignore")) + 1

    def first_word(self, node: ast.AST) -> str:
        line, column = self.place(getattr(node, "lineno", 1), getattr(node, "col_offset", 0))
        found = re.match(r"\w+|\S", self.lines[line - 1][column - 1 :])
        return found.group()[:20] if found else type(node).__name__


def is_hidden(name: str) -> bool:
    """Whether a name is of what is inside of Python and its libraries."""
    return name.startswith("_") or "__" in name
