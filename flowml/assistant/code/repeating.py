"""The only repetition that code may have: a list or a dictionary, made of each element of another one."""

import ast
from abc import ABC, abstractmethod

from flowml.assistant.code.kinds import REFUSED, Kind, Value
from flowml.assistant.code.operators import Operators

_MOST_TURNS = 1_000


class Repeating(Operators, ABC):
    """The part of the checker for it. Whatever is wrong, all parts are looked at."""

    @abstractmethod
    def may_be_named(self, name: str, target: ast.Name) -> bool:
        """Whether code may give this name; if not, it is refused."""

    def comprehension(self, node: ast.ListComp | ast.DictComp, *made: ast.expr) -> Value:
        """What comes of one, which is made of `made`."""
        outside = self.inside
        if outside:
            self.refuse(node, "There is a “for” inside of a “for”.", "Give the inner list a name of its own.")
        if len(node.generators) > 1 or any(part.is_async for part in node.generators):
            words = "Only one “for” with one name is allowed here."
            self.refuse(node, words, "Write […  for name in df.columns].")
        inside = dict(outside)
        try:
            for part in node.generators:
                self.seen.add(part)
                element = self._repeated(part.iter)
                if isinstance(part.target, ast.Name):
                    self.seen.add(part.target)
                    self._is_free(part.target)
                    inside[part.target.id] = element
                else:
                    self.refuse(part.target, "Only one name stands behind “for” here.", "Write for name in ….")
                self.inside = inside
                for condition in part.ifs:
                    self._condition(condition)
            values = [self.value(part) for part in made]
        finally:
            self.inside = outside
        return Value(Kind.LIST, element=values[-1].kind)

    def _is_free(self, target: ast.Name) -> None:
        if self.may_be_named(target.id, target) and target.id in self.given:
            self.refuse(target, f"“{target.id}” stands for the table.", "Choose another name.")

    def _condition(self, node: ast.expr) -> None:
        """Which are taken; here “and”, “or” and “not” are of use."""
        match node:
            case ast.BoolOp():
                self.seen.add(node)
                for part in node.values:
                    self._condition(part)
            case ast.UnaryOp(op=ast.Not()):
                self.seen.add(node)
                self._condition(node.operand)
            case _:
                self.value(node)

    def _repeated(self, node: ast.expr) -> Value:
        """What a comprehension goes over, one by one."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            self.seen |= {node, node.func}
            numbers = [self.value(argument).number for argument in node.args]
            is_known = 0 < len(numbers) <= 3 and not node.keywords and None not in numbers
            if not is_known or any(abs(number or 0) > _MOST_TURNS for number in numbers):
                words = f"“range” takes plain numbers up to {_MOST_TURNS:,} here."
                self.refuse(node, words)
            return Value(Kind.NUMBER)
        found = self.value(node)
        if found.kind is Kind.LIST:
            return Value(found.element)
        if found.kind is not Kind.REFUSED:
            self.refuse(node, "A “for” goes over a list that is written out, or over df.columns.")
        return REFUSED
