"""Whether code may run: its tree holds nothing but Polars' expressions and methods from a list (`allowed`), literals,
and names that it has given itself.

There is no control flow, so each name has one kind of value at each line, and what is called on what is known well
enough to be looked up: a method of a table, of the texts of a column, of `pl` itself. A comprehension over a literal or
the names of columns is the only repetition.
"""

import ast
import difflib
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from flowml.assistant.code import allowed
from flowml.assistant.code.source import Refusal, Refused, parse

MOST_SHOWN = 40
TABLE = "df"
_RESULT = "result"
_MOST_MADE = 1_000_000
_LARGEST = 2.0**63
_HIGHEST_POWER = 1_000
_MOST_TURNS = 1_000
_GIVEN = ("pl", "cs")


class Kind(Enum):
    """What a value is, as far as it matters for what may be done with it."""

    POLARS = auto()
    """A table, a column, an expression, or a value that came out of one."""
    NUMBER = auto()
    TEXT = auto()
    LIST = auto()
    TYPE = auto()
    MODULE = auto()
    SELECTORS = auto()
    NAMESPACE = auto()
    FUNCTION = auto()
    REFUSED = auto()
    """Something that was refused already; what is done with it is looked at as if it were of Polars."""


@dataclass(frozen=True)
class Value:
    """A kind, a number's value where it is known, what a list's elements are, and which namespace it is."""

    kind: Kind
    number: float | None = None
    element: Kind = Kind.POLARS
    name: str = ""


_POLARS = Value(Kind.POLARS)
_TEXT = Value(Kind.TEXT)
_REFUSED = Value(Kind.REFUSED)

_STATEMENTS = {
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
_EXPRESSIONS = {
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
_OPERATORS = (
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Pow,
    ast.BitAnd,
    ast.BitOr,
    ast.BitXor,
)


@dataclass(frozen=True)
class Checked:
    """Code that may run. `tree` assigns its last line's value to `result_name`, and is what is compiled."""

    source: str
    tree: ast.Module
    result_name: str


def check(source: str) -> Checked:
    """Code that may run. Raises Refused, with every reason at once."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    tree = parse(source)
    checker = _Checker(source)
    checker.module(tree)
    if checker.refusals:
        raise Refused(*sorted(set(checker.refusals))[:MOST_SHOWN])
    last = tree.body[-1]
    name = _RESULT
    if isinstance(last, ast.Assign):
        assert isinstance(last.targets[0], ast.Name)
        name = last.targets[0].id
    elif isinstance(last, ast.Expr):
        target = ast.Name(id=name, ctx=ast.Store())
        tree.body[-1] = ast.copy_location(ast.Assign(targets=[ast.copy_location(target, last)], value=last.value), last)
    return Checked(source, ast.fix_missing_locations(tree), name)


class _Checker:
    def __init__(self, source: str):
        self._lines = source.split("\n")
        self._names: dict[str, Value] = {
            TABLE: _POLARS,
            "pl": Value(Kind.MODULE),
            "cs": Value(Kind.SELECTORS),
        }
        self._inside: dict[str, Value] = {}
        self.refusals: list[Refusal] = []

    # Statements.

    def module(self, tree: ast.Module) -> None:
        for place, statement in enumerate(tree.body):
            is_last = place == len(tree.body) - 1
            match statement:
                case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                    found = self.value(value)
                    if self._may_be_named(name, target):
                        self._names[name] = found
                    if is_last:
                        self._makes_a_table(found, statement)
                case ast.Assign(targets=[ast.Subscript()]):
                    self._refuse(statement, "A table is not changed in place.", "Say df = df.with_columns(name=…).")
                    self.value(statement.value)
                case ast.Assign():
                    self._refuse(statement, "Only one plain name can be given at a time.", "Write a line for each.")
                    self.value(statement.value)
                case ast.Expr(value=value):
                    found = self.value(value)
                    if is_last:
                        self._makes_a_table(found, statement)
                    else:
                        words = "This line changes nothing."
                        self._refuse(statement, words, "Write df = … in front of it, or a # for a remark.")
                case _:
                    what, instead = _STATEMENTS.get(
                        type(statement),
                        (f"“{self._first_word(statement)}” is not allowed.", "Only lines such as df = df.… are."),
                    )
                    self._refuse(statement, what, instead)
                    self._look_into(statement)

    def _look_into(self, statement: ast.stmt) -> None:
        """What else is wrong in there is said as well, as far as it stands by itself."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and _is_hidden(node.attr):
                self._hidden(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                self._called_by_name(node.func)

    def _may_be_named(self, name: str, target: ast.Name) -> bool:
        if _is_hidden(name):
            self._refuse(target, f"Names do not begin with “_” here, as “{name[:40]}” does.", "Choose another name.")
        elif name in _GIVEN or name in allowed.BUILTINS or name == "range":
            self._refuse(target, f"“{name}” stands for something else already.", "Choose another name.")
        else:
            return True
        return False

    def _makes_a_table(self, found: Value, statement: ast.stmt) -> None:
        if found.kind not in (Kind.POLARS, Kind.REFUSED):
            words = "The last line has to make the table."
            self._refuse(statement, words, "End with df = …, or with df alone.")

    # Expressions.

    def value(self, node: ast.expr) -> Value:
        """What an expression is; what is wrong with it is noted. Modules and the like are none of their own."""
        found = self._any(node)
        if found.kind in (Kind.MODULE, Kind.SELECTORS):
            self._refuse(node, f"“{ast.unparse(node)}” alone is no value.", "Call one of its functions.")
        elif found.kind is Kind.NAMESPACE:
            self._refuse(node, f"“.{found.name}” alone is no value.", f"Call one of its methods: .{found.name}.….")
        elif found.kind is Kind.FUNCTION:
            self._refuse(node, f"“{found.name}” is not called.", f"Write {found.name}(…).")
        else:
            return found
        return _REFUSED

    def _any(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.BinOp():
                return self._operation(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.List() | ast.Tuple() | ast.Set():
                return self._list(node.elts)
            case ast.Dict():
                return self._dict(node)
            case ast.ListComp():
                return self._comprehension(node, node.elt)
            case ast.DictComp():
                return self._comprehension(node, node.key, node.value)
            case ast.JoinedStr():
                return self._formatted(node)
        what, instead = _EXPRESSIONS.get(type(node), (f"“{self._first_word(node)}” is not allowed.", "Leave it out."))
        self._refuse(node, what, instead)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and not isinstance(node, ast.Lambda | ast.GeneratorExp | ast.SetComp):
                self._any(child)
        if isinstance(node, ast.Lambda | ast.GeneratorExp | ast.SetComp):
            self._look_into(ast.copy_location(ast.Expr(value=node), node))
        return _REFUSED

    def _constant(self, node: ast.Constant) -> Value:
        value = node.value
        if isinstance(value, str):
            return _TEXT
        if value is None or isinstance(value, bool):
            return Value(Kind.NUMBER)
        if isinstance(value, int | float):
            if abs(value) >= 2 * _LARGEST and isinstance(value, int):
                self._refuse(node, "This number is too large.", "Columns have 64 bits.")
                return Value(Kind.NUMBER)
            return Value(Kind.NUMBER, float(value))
        self._refuse(node, "Such a value is not allowed.", "Take numbers, texts, True, False and None.")
        return Value(Kind.NUMBER)

    def _name(self, node: ast.Name) -> Value:
        name = node.id
        if name in self._inside:
            return self._inside[name]
        if name in self._names:
            return self._names[name]
        if name in allowed.PYTHON_TYPES:
            return Value(Kind.TYPE, name=name)
        if name in allowed.BUILTINS:
            return Value(Kind.FUNCTION, name=name)
        close = difflib.get_close_matches(name, [*self._names, *self._inside], 1)
        instead = f"Did you mean {close[0]}?" if close else "There are pl, cs, df and the names that you give."
        if _is_hidden(name):
            self._refuse(node, f"Names do not begin with “_” here, as “{name[:40]}” does.", "Choose another name.")
        else:
            self._refuse(node, f"There is nothing called “{name[:40]}” here.", instead)
        return _REFUSED

    def _attribute(self, node: ast.Attribute) -> Value:
        name = node.attr
        owner = self._any(node.value)
        if _is_hidden(name):
            self._hidden(node)
            return _REFUSED
        match Kind.POLARS if owner.kind is Kind.REFUSED else owner.kind:
            case Kind.MODULE if name == "selectors":
                return Value(Kind.SELECTORS)
            case Kind.MODULE if name in allowed.TYPES:
                return Value(Kind.TYPE, name=f"pl.{name}")
            case Kind.MODULE if name in allowed.FUNCTIONS:
                return Value(Kind.FUNCTION, name=f"pl.{name}")
            case Kind.MODULE:
                self._unknown(node, f"pl.{name}", allowed.FUNCTIONS | allowed.TYPES)
            case Kind.SELECTORS if name in allowed.SELECTORS:
                return Value(Kind.FUNCTION, name=f"cs.{name}")
            case Kind.SELECTORS:
                self._unknown(node, f"cs.{name}", allowed.SELECTORS)
            case Kind.NAMESPACE if name in allowed.NAMESPACES[owner.name]:
                return Value(Kind.FUNCTION, name=f".{owner.name}.{name}")
            case Kind.NAMESPACE:
                self._unknown(node, f".{owner.name}.{name}", allowed.NAMESPACES[owner.name])
            case Kind.POLARS if name in allowed.NAMESPACES:
                return Value(Kind.NAMESPACE, name=name)
            case Kind.POLARS if name == "columns":
                return Value(Kind.LIST, element=Kind.TEXT)
            case Kind.POLARS if name in allowed.PROPERTIES:
                return _POLARS
            case Kind.POLARS if name in allowed.METHODS:
                return Value(Kind.FUNCTION, name=f".{name}")
            case Kind.POLARS:
                self._unknown(node, f".{name}", allowed.METHODS)
            case Kind.TEXT if name in allowed.TEXT_METHODS:
                return Value(Kind.FUNCTION, name=f".{name}", element=Kind.TEXT)
            case Kind.TYPE if name in allowed.TYPE_METHODS:
                return Value(Kind.FUNCTION, name=f".{name}")
            case Kind.FUNCTION if owner.name == "pl.col":
                self._refuse_at_name(node, f"“pl.col.{name}” is not allowed.", f'Write pl.col("{name}").')
            case Kind.FUNCTION:
                self._refuse_at_name(node, f"“{owner.name}” is not called.", f"Write {owner.name}(…).{name}.")
            case Kind.TEXT:
                instead = "For the texts of a column: pl.col(…).str.…; to put texts together, pl.format or concat_str."
                self._refuse_at_name(node, f"“.{name}” of a text is not allowed.", instead)
            case _:
                instead = "Call methods on df, or on an expression such as pl.col(…)."
                self._refuse_at_name(node, f"“.{name}” is not allowed here.", instead)
        return _REFUSED

    def _call(self, node: ast.Call) -> Value:
        function = self._any(node.func)
        name = function.name.rpartition(".")[2]
        if function.kind is Kind.TYPE:
            # pl.Datetime("us"), str(…).
            function = Value(Kind.FUNCTION, name=function.name)
            if name not in allowed.FUNCTIONS | allowed.BUILTINS:
                self._refuse(node, f"“{function.name}” is a type and takes nothing.", "Leave the brackets out.")
        elif function.kind not in (Kind.FUNCTION, Kind.REFUSED):
            self._refuse(node, "Only functions of pl and methods can be called.")
        given = [self.value(argument) for argument in node.args]
        named = {}
        for argument in node.keywords:
            found = self.value(argument.value)
            if argument.arg is None:
                self._refuse(argument.value, "“**” is not allowed.", "Write each as name=value.")
            elif _is_hidden(argument.arg):
                self._refuse(argument, f"“{argument.arg[:40]}” begins with “_”.", "Leave it out.")
            elif argument.arg in allowed.REFUSED_ARGUMENTS and name not in _MAKES_COLUMNS:
                words = f"The argument “{argument.arg}” is not allowed."
                self._refuse(argument, words, allowed.REFUSED_ARGUMENTS[argument.arg])
            else:
                named[argument.arg] = (argument.value, found)
        self._arguments(node, name, given, named)
        if function.element is Kind.TEXT:
            return _TEXT
        if function.name in ("len", "round", "abs", "int", "float") and all(v.kind is Kind.NUMBER for v in given):
            return Value(Kind.NUMBER)
        return _TEXT if function.name == "str" else _POLARS

    def _arguments(
        self, node: ast.Call, name: str, given: list[Value], named: dict[str, tuple[ast.expr, Value]]
    ) -> None:
        if name == "collect" and (node.args or node.keywords):
            self._refuse(node, "“collect” takes nothing here.", "Write collect().")
        if name in allowed.SEEDED:
            seed = named.get("seed")
            if seed is None or seed[1].number is None:
                words = f"“{name}” without a seed gives another result each time."
                self._refuse(node, words, f"Write {name}(…, seed=0).")
        if name == "join":
            how = node.args[2] if len(node.args) > 2 else named.get("how", (None, _POLARS))[0]
            is_known = how is None or (isinstance(how, ast.Constant) and how.value in allowed.HOW_JOINED)
            if not is_known:
                words = "Tables are joined by columns that are equal; “how” is inner, left, right, full, semi or anti."
                self._refuse(node, words)
        if name in allowed.SIZED:
            values = [*given, *(value for _, value in named.values())]
            if any(value.number is not None and abs(value.number) > _MOST_MADE for value in values):
                self._refuse(node, f"“{name}” would make more than {_MOST_MADE:,} values.", "Take a smaller number.")

    def _operation(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        kinds = {left.kind, right.kind}
        if not isinstance(node.op, _OPERATORS):
            self._refuse(node, "This operator is not allowed.", "There are + - * / // % ** & | and ^.")
        elif isinstance(node.op, ast.Mult) and kinds & {Kind.TEXT, Kind.LIST}:
            self._refuse(node, "Texts and lists are not multiplied here.", "Write it out, or take pl.repeat(…).")
        elif isinstance(node.op, ast.Mod) and left.kind is Kind.TEXT:
            self._refuse(node, "Texts are not put together with %.", 'Write pl.format("{} …", …).')
        elif isinstance(node.op, ast.Pow):
            return self._power(node, left, right)
        elif kinds == {Kind.NUMBER}:
            return self._figure(node, left, right)
        if kinds == {Kind.TEXT}:
            return _TEXT
        return Value(Kind.LIST, element=left.element) if kinds == {Kind.LIST} else _POLARS

    def _power(self, node: ast.BinOp, left: Value, right: Value) -> Value:
        if right.kind is Kind.NUMBER and (right.number is None or abs(right.number) > _HIGHEST_POWER):
            self._refuse(node, "This power is too high.", f"Up to {_HIGHEST_POWER:,} is allowed.")
            return Value(Kind.NUMBER)
        if left.kind is right.kind is Kind.NUMBER:
            return self._figure(node, left, right)
        return _POLARS

    def _figure(self, node: ast.BinOp, left: Value, right: Value) -> Value:
        """Of two numbers, worked out where it is known: what Python would do with whole numbers of any length, is
        not."""
        if left.number is None or right.number is None:
            return Value(Kind.NUMBER)
        try:
            found = _WORK_OUT[type(node.op)](left.number, right.number)
        except (ArithmeticError, ValueError, TypeError, KeyError):
            self._refuse(node, "This cannot be worked out.", "Is there a division by zero, or a far too large number?")
            return Value(Kind.NUMBER)
        if isinstance(found, complex) or abs(found) >= 2 * _LARGEST:
            self._refuse(node, "This number is too large.", "Columns have 64 bits.")
            return Value(Kind.NUMBER)
        return Value(Kind.NUMBER, found)

    def _unary(self, node: ast.UnaryOp) -> Value:
        found = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            self._refuse(node, "“not” does not work on columns.", "Write ~ in front of it, with brackets.")
            return _POLARS
        if found.kind is Kind.NUMBER:
            number = found.number
            return Value(Kind.NUMBER, -number if number is not None and isinstance(node.op, ast.USub) else number)
        return found

    def _comparison(self, node: ast.Compare) -> Value:
        values = [self.value(part) for part in (node.left, *node.comparators)]
        if len(node.ops) > 1:
            self._refuse(node, "Two comparisons in one do not work on columns.", "Write is_between(low, high).")
        in_python = bool(self._inside) or all(value.kind is not Kind.POLARS for value in values)
        for operator in node.ops:
            if isinstance(operator, ast.In | ast.NotIn) and not in_python:
                self._refuse(node, "“in” does not work on columns.", "Write is_in([…]).")
            elif isinstance(operator, ast.Is | ast.IsNot) and not in_python:
                self._refuse(node, "“is” does not work on columns.", "Write is_null() or is_not_null().")
        return _POLARS

    def _subscript(self, node: ast.Subscript) -> Value:
        owner = self.value(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            ends = (part.lower, part.upper, part.step) if isinstance(part, ast.Slice) else (part,)
            for end in ends:
                if end is not None:
                    self.value(end)
        if owner.kind not in (Kind.POLARS, Kind.LIST, Kind.TEXT, Kind.REFUSED):
            self._refuse(node, "Nothing can be taken out of this.", "Square brackets go behind df or a list.")
            return _REFUSED
        if owner.kind is Kind.LIST and not any(isinstance(part, ast.Slice) for part in parts):
            return Value(owner.element)
        return owner

    def _list(self, elements: list[ast.expr]) -> Value:
        return Value(Kind.LIST, element=_common([self.value(element) for element in elements]))

    def _dict(self, node: ast.Dict) -> Value:
        for key in node.keys:
            if key is None:
                self._refuse(node, "“**” is not allowed.", "Write each as key: value.")
            else:
                self.value(key)
        return Value(Kind.LIST, element=_common([self.value(value) for value in node.values]))

    def _comprehension(self, node: ast.ListComp | ast.DictComp, *made: ast.expr) -> Value:
        if self._inside:
            self._refuse(node, "There is a “for” inside of a “for”.", "Give the inner list a name of its own.")
            return Value(Kind.LIST)
        first = node.generators[0]
        if len(node.generators) > 1 or first.is_async or not isinstance(first.target, ast.Name):
            words = "Only one “for” with one name is allowed here."
            self._refuse(node, words, "Write […  for name in df.columns].")
            return Value(Kind.LIST)
        name = first.target.id
        element = self._repeated(first.iter)
        if not self._may_be_named(name, first.target) or name == TABLE:
            return Value(Kind.LIST)
        self._inside = {name: element}
        try:
            for condition in first.ifs:
                self._condition(condition)
            values = [self.value(part) for part in made]
        finally:
            self._inside = {}
        return Value(Kind.LIST, element=values[-1].kind)

    def _condition(self, node: ast.expr) -> None:
        """Which are taken; here “and”, “or” and “not” are of use."""
        match node:
            case ast.BoolOp():
                for part in node.values:
                    self._condition(part)
            case ast.UnaryOp(op=ast.Not()):
                self._condition(node.operand)
            case _:
                self.value(node)

    def _repeated(self, node: ast.expr) -> Value:
        """What a comprehension goes over, one by one."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            numbers = [self.value(argument).number for argument in node.args]
            is_known = 0 < len(numbers) <= 3 and not node.keywords and None not in numbers
            if not is_known or any(abs(number or 0) > _MOST_TURNS for number in numbers):
                words = f"“range” takes plain numbers up to {_MOST_TURNS:,} here."
                self._refuse(node, words)
            return Value(Kind.NUMBER)
        found = self.value(node)
        if found.kind is Kind.LIST:
            return Value(found.element)
        if found.kind is not Kind.REFUSED:
            self._refuse(node, "A “for” goes over a list that is written out, or over df.columns.")
        return _REFUSED

    def _formatted(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                found = self.value(part.value)
                if part.conversion != -1 or part.format_spec is not None:
                    self._refuse(part, "Only plain names stand in {} here.", "Leave out what comes after the name.")
                elif found.kind not in (Kind.TEXT, Kind.NUMBER, Kind.REFUSED):
                    words = "Only the names of columns and numbers stand in {} here."
                    self._refuse(part, words, 'For the values of columns, write pl.format("{} …", pl.col(…)).')
        return _TEXT

    # What is said.

    def _unknown(self, node: ast.Attribute, name: str, known: frozenset[str]) -> None:
        instead = allowed.instead_of(node.attr)
        if instead is None:
            close = difflib.get_close_matches(node.attr, sorted(known), 1)
            instead = f"Did you mean {name.removesuffix(node.attr)}{close[0]}?" if close else ""
        self._refuse_at_name(node, f"“{name[:60]}” is not among what may be called.", instead)

    def _called_by_name(self, node: ast.Name) -> None:
        if node.id not in self._names and node.id not in allowed.BUILTINS:
            self._refuse(node, f"There is nothing called “{node.id[:40]}” here.", "Only functions of pl can be called.")

    def _hidden(self, node: ast.Attribute) -> None:
        words = f"“.{node.attr[:40]}” begins with “_”: what is inside of Polars and Python is not reached."
        self._refuse_at_name(node, words, "Only methods by their public names can be called.")

    def _refuse(self, node: ast.expr | ast.stmt | ast.keyword, what: str, instead: str = "") -> None:
        self.refusals.append(Refusal(*self._place(node.lineno, node.col_offset), what, instead))

    def _refuse_at_name(self, node: ast.Attribute, what: str, instead: str = "") -> None:
        """Where the name stands, which may be lines below the beginning of its chain."""
        line = node.end_lineno or node.lineno
        end = self._place(line, node.end_col_offset or 0)[1]
        self.refusals.append(Refusal(line, max(1, end - len(node.attr)), what, instead))

    def _place(self, line: int, offset: int) -> tuple[int, int]:
        """Line and column, from 1; Python counts columns in bytes."""
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        return line, len(text.encode()[:offset].decode(errors="ignore")) + 1

    def _first_word(self, node: ast.AST) -> str:
        line, column = self._place(getattr(node, "lineno", 1), getattr(node, "col_offset", 0))
        found = re.match(r"\w+|\S", self._lines[line - 1][column - 1 :])
        return found.group()[:20] if found else type(node).__name__


_MAKES_COLUMNS = frozenset({"with_columns", "select", "agg", "struct", "group_by", "with_fields"})
"""Their named arguments are names of columns."""

_WORK_OUT: dict[type[ast.operator], Any] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
    ast.BitAnd: lambda a, b: float(int(a) & int(b)),
    ast.BitOr: lambda a, b: float(int(a) | int(b)),
    ast.BitXor: lambda a, b: float(int(a) ^ int(b)),
}


def _is_hidden(name: str) -> bool:
    return name.startswith("_") or "__" in name


def _common(values: list[Value]) -> Kind:
    kinds = {value.kind for value in values}
    return kinds.pop() if len(kinds) == 1 else Kind.POLARS
