"""Whether code may run: its tree holds nothing but Polars' expressions and methods from a list (`allowed`), literals,
and names that it has given itself.

There is no control flow, so each name has one kind of value at each line, and what is called on what is known well
enough to be looked up: a method of a table, of the texts of a column, of `pl` itself. A comprehension over a literal or
the names of columns is the only repetition.
"""

import ast
from dataclasses import dataclass

from flowml.assistant.code import allowed
from flowml.assistant.code.guarding import overlooked
from flowml.assistant.code.kinds import POLARS, REFUSED, TEXT, Kind, Value, common
from flowml.assistant.code.operators import LARGEST
from flowml.assistant.code.refusing import EXPRESSIONS, MOST_SHOWN, STATEMENTS, is_hidden
from flowml.assistant.code.repeating import Repeating
from flowml.assistant.code.source import Refused, parse

TABLE = "df"
_RESULT = "result"
_MOST_MADE = 1_000_000
_GIVEN = ("pl", "cs")


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
    checker.all_of(tree)
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


class _Checker(Repeating):
    def __init__(self, source: str):
        super().__init__(source, {TABLE: POLARS, "pl": Value(Kind.MODULE), "cs": Value(Kind.SELECTORS)})

    def all_of(self, tree: ast.Module) -> None:
        """Look at it, and, where nothing is wrong, that nothing was left out."""
        self.module(tree)
        if not self.refusals:
            for node in overlooked(tree, self.seen, self.given):
                self.refuse(node, f"“{self.first_word(node)}” may not stand here.", "Say it in another way.")

    # Statements.

    def module(self, tree: ast.Module) -> None:
        for place, statement in enumerate(tree.body):
            is_last = place == len(tree.body) - 1
            self.seen.add(statement)
            match statement:
                case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                    found = self.value(value)
                    self.seen.add(target)
                    if self.may_be_named(name, target):
                        self.names[name] = found
                    if is_last:
                        self._makes_a_table(found, statement)
                case ast.Assign(targets=[ast.Subscript()]):
                    self.refuse(statement, "A table is not changed in place.", "Say df = df.with_columns(name=…).")
                    self.value(statement.value)
                case ast.Assign():
                    self.refuse(statement, "Only one plain name can be given at a time.", "Write a line for each.")
                    self.value(statement.value)
                case ast.Expr(value=value):
                    found = self.value(value)
                    if is_last:
                        self._makes_a_table(found, statement)
                    else:
                        words = "This line changes nothing."
                        self.refuse(statement, words, "Write df = … in front of it, or a # for a remark.")
                case _:
                    what, instead = STATEMENTS.get(
                        type(statement),
                        (f"“{self.first_word(statement)}” is not allowed.", "Only lines such as df = df.… are."),
                    )
                    self.refuse(statement, what, instead)
                    self._look_into(statement)

    def _look_into(self, statement: ast.stmt) -> None:
        """What else is wrong in there is said as well, as far as it stands by itself."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and is_hidden(node.attr):
                self.hidden(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                self.called_by_name(node.func)

    def may_be_named(self, name: str, target: ast.Name) -> bool:
        """Whether code may give this name; if not, it is refused."""
        if is_hidden(name):
            self.refuse(target, f"Names do not begin with “_” here, as “{name[:40]}” does.", "Choose another name.")
        elif name in _GIVEN or name in allowed.BUILTINS or name == "range":
            self.refuse(target, f"“{name}” stands for something else already.", "Choose another name.")
        else:
            return True
        return False

    def _makes_a_table(self, found: Value, statement: ast.stmt) -> None:
        if found.kind not in (Kind.POLARS, Kind.REFUSED):
            words = "The last line has to make the table."
            self.refuse(statement, words, "End with df = …, or with df alone.")

    # Expressions.

    def value(self, node: ast.expr) -> Value:
        """What an expression is; what is wrong with it is noted. Modules and the like are none of their own."""
        found = self._any(node)
        if found.kind in (Kind.MODULE, Kind.SELECTORS):
            self.refuse(node, f"“{ast.unparse(node)}” alone is no value.", "Call one of its functions.")
        elif found.kind is Kind.NAMESPACE:
            self.refuse(node, f"“.{found.name}” alone is no value.", f"Call one of its methods: .{found.name}.….")
        elif found.kind is Kind.FUNCTION:
            self.refuse(node, f"“{found.name}” is not called.", f"Write {found.name}(…).")
        else:
            return found
        return REFUSED

    def _any(self, node: ast.expr) -> Value:
        self.seen.add(node)
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
                return self.operation(node)
            case ast.UnaryOp():
                return self.unary(node)
            case ast.Compare():
                return self.comparison(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.List() | ast.Tuple() | ast.Set():
                return self._list(node.elts)
            case ast.Dict():
                return self._dict(node)
            case ast.ListComp():
                return self.comprehension(node, node.elt)
            case ast.DictComp():
                return self.comprehension(node, node.key, node.value)
            case ast.JoinedStr():
                return self._formatted(node)
        what, instead = EXPRESSIONS.get(type(node), (f"“{self.first_word(node)}” is not allowed.", "Leave it out."))
        self.refuse(node, what, instead)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and not isinstance(node, ast.Lambda | ast.GeneratorExp | ast.SetComp):
                self._any(child)
        if isinstance(node, ast.Lambda | ast.GeneratorExp | ast.SetComp):
            self._look_into(ast.copy_location(ast.Expr(value=node), node))
        return REFUSED

    def _constant(self, node: ast.Constant) -> Value:
        value = node.value
        if isinstance(value, str):
            self._has_no_zero(node, value)
            return TEXT
        if value is None or isinstance(value, bool):
            return Value(Kind.NUMBER)
        if isinstance(value, int | float):
            if abs(value) >= 2 * LARGEST and isinstance(value, int):
                self.refuse(node, "This number is too large.", "Columns have 64 bits.")
                return Value(Kind.NUMBER)
            return Value(Kind.NUMBER, float(value))
        self.refuse(node, "Such a value is not allowed.", "Take numbers, texts, True, False and None.")
        return Value(Kind.NUMBER)

    def _has_no_zero(self, node: ast.Constant, value: str) -> None:
        """Names that begin with it are ours (`tracing`)."""
        if "\0" in value:
            words = "There is the character U+0000 in a text."
            self.refuse(node, words, r'To take it out of a column: str.replace_all(r"\x00", "").')

    def _name(self, node: ast.Name) -> Value:
        name = node.id
        if name in self.inside:
            return self.inside[name]
        if name in self.names:
            return self.names[name]
        if name in allowed.PYTHON_TYPES:
            return Value(Kind.TYPE, name=name)
        if name in allowed.BUILTINS:
            return Value(Kind.FUNCTION, name=name)
        close = self.close_to(name, [*self.names, *self.inside])
        instead = f"Did you mean {close[0]}?" if close else "There are pl, cs, df and the names that you give."
        if is_hidden(name):
            self.refuse(node, f"Names do not begin with “_” here, as “{name[:40]}” does.", "Choose another name.")
        else:
            self.refuse(node, f"There is nothing called “{name[:40]}” here.", instead)
        return REFUSED

    def _attribute(self, node: ast.Attribute) -> Value:
        name = node.attr
        owner = self._any(node.value)
        if is_hidden(name):
            self.hidden(node)
            return REFUSED
        match Kind.POLARS if owner.kind is Kind.REFUSED else owner.kind:
            case Kind.MODULE if name == "selectors":
                return Value(Kind.SELECTORS)
            case Kind.MODULE if name in allowed.TYPES:
                return Value(Kind.TYPE, name=f"pl.{name}")
            case Kind.MODULE if name in allowed.FUNCTIONS:
                return Value(Kind.FUNCTION, name=f"pl.{name}")
            case Kind.MODULE:
                self.unknown(node, f"pl.{name}", allowed.FUNCTIONS | allowed.TYPES)
            case Kind.SELECTORS if name in allowed.SELECTORS:
                return Value(Kind.FUNCTION, name=f"cs.{name}")
            case Kind.SELECTORS:
                self.unknown(node, f"cs.{name}", allowed.SELECTORS)
            case Kind.NAMESPACE if name in allowed.NAMESPACES[owner.name]:
                return Value(Kind.FUNCTION, name=f".{owner.name}.{name}")
            case Kind.NAMESPACE:
                self.unknown(node, f".{owner.name}.{name}", allowed.NAMESPACES[owner.name])
            case Kind.POLARS if name in allowed.NAMESPACES:
                return Value(Kind.NAMESPACE, name=name)
            case Kind.POLARS if name == "columns":
                return Value(Kind.LIST, element=Kind.TEXT)
            case Kind.POLARS if name in allowed.PROPERTIES:
                return POLARS
            case Kind.POLARS if name in allowed.METHODS:
                return Value(Kind.FUNCTION, name=f".{name}")
            case Kind.POLARS:
                self.unknown(node, f".{name}", allowed.METHODS)
            case Kind.TEXT if name in allowed.TEXT_METHODS:
                return Value(Kind.FUNCTION, name=f".{name}", element=Kind.TEXT)
            case Kind.TYPE if name in allowed.TYPE_METHODS:
                return Value(Kind.FUNCTION, name=f".{name}")
            case Kind.FUNCTION if owner.name == "pl.col":
                self.refuse_at_name(node, f"“pl.col.{name}” is not allowed.", f'Write pl.col("{name}").')
            case Kind.FUNCTION:
                self.refuse_at_name(node, f"“{owner.name}” is not called.", f"Write {owner.name}(…).{name}.")
            case Kind.TEXT:
                instead = "For the texts of a column: pl.col(…).str.…; to put texts together, pl.format or concat_str."
                self.refuse_at_name(node, f"“.{name}” of a text is not allowed.", instead)
            case _:
                instead = "Call methods on df, or on an expression such as pl.col(…)."
                self.refuse_at_name(node, f"“.{name}” is not allowed here.", instead)
        return REFUSED

    def _call(self, node: ast.Call) -> Value:
        function = self._any(node.func)
        name = function.name.rpartition(".")[2]
        if function.kind is Kind.TYPE:
            # pl.Datetime("us"), str(…).
            function = Value(Kind.FUNCTION, name=function.name)
            if name not in allowed.FUNCTIONS | allowed.BUILTINS:
                self.refuse(node, f"“{function.name}” is a type and takes nothing.", "Leave the brackets out.")
        elif function.kind not in (Kind.FUNCTION, Kind.REFUSED):
            self.refuse(node, "Only functions of pl and methods can be called.")
        given = [self.value(argument) for argument in node.args]
        named = {}
        for argument in node.keywords:
            self.seen.add(argument)
            found = self.value(argument.value)
            if argument.arg is None:
                self.refuse(argument.value, "“**” is not allowed.", "Write each as name=value.")
            elif is_hidden(argument.arg):
                self.refuse(argument, f"“{argument.arg[:40]}” begins with “_”.", "Leave it out.")
            elif argument.arg in allowed.REFUSED_ARGUMENTS and name not in _MAKES_COLUMNS:
                words = f"The argument “{argument.arg}” is not allowed."
                self.refuse(argument, words, allowed.REFUSED_ARGUMENTS[argument.arg])
            else:
                named[argument.arg] = (argument.value, found)
        self._arguments(node, name, given, named)
        if function.element is Kind.TEXT:
            return TEXT
        if function.name in ("len", "round", "abs", "int", "float") and all(v.kind is Kind.NUMBER for v in given):
            return Value(Kind.NUMBER)
        return TEXT if function.name == "str" else POLARS

    def _arguments(
        self, node: ast.Call, name: str, given: list[Value], named: dict[str, tuple[ast.expr, Value]]
    ) -> None:
        if name == "collect" and (node.args or node.keywords):
            self.refuse(node, "“collect” takes nothing here.", "Write collect().")
        if name in allowed.SEEDED:
            seed = named.get("seed")
            if seed is None or seed[1].number is None:
                words = f"“{name}” without a seed gives another result each time."
                self.refuse(node, words, f"Write {name}(…, seed=0).")
        if name == "join":
            how = node.args[2] if len(node.args) > 2 else named.get("how", (None, POLARS))[0]
            is_known = how is None or (isinstance(how, ast.Constant) and how.value in allowed.HOW_JOINED)
            if not is_known:
                words = "Tables are joined by columns that are equal; “how” is inner, left, right, full, semi or anti."
                self.refuse(node, words)
        if name in allowed.SIZED:
            values = [*given, *(value for _, value in named.values())]
            if any(value.number is not None and abs(value.number) > _MOST_MADE for value in values):
                self.refuse(node, f"“{name}” would make more than {_MOST_MADE:,} values.", "Take a smaller number.")

    def _subscript(self, node: ast.Subscript) -> Value:
        owner = self.value(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        self.seen |= {part for part in (node.slice, *parts) if isinstance(part, ast.Tuple | ast.Slice)}
        for part in parts:
            ends = (part.lower, part.upper, part.step) if isinstance(part, ast.Slice) else (part,)
            for end in ends:
                if end is not None:
                    self.value(end)
        if owner.kind not in (Kind.POLARS, Kind.LIST, Kind.TEXT, Kind.REFUSED):
            self.refuse(node, "Nothing can be taken out of this.", "Square brackets go behind df or a list.")
            return REFUSED
        if owner.kind is Kind.LIST and not any(isinstance(part, ast.Slice) for part in parts):
            return Value(owner.element)
        return owner

    def _list(self, elements: list[ast.expr]) -> Value:
        return Value(Kind.LIST, element=common([self.value(element) for element in elements]))

    def _dict(self, node: ast.Dict) -> Value:
        for key in node.keys:
            if key is None:
                self.refuse(node, "“**” is not allowed.", "Write each as key: value.")
            else:
                self.value(key)
        return Value(Kind.LIST, element=common([self.value(value) for value in node.values]))

    def _formatted(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            if isinstance(part, ast.Constant):
                self.value(part)
            elif isinstance(part, ast.FormattedValue):
                self.seen.add(part)
                found = self.value(part.value)
                if part.conversion != -1 or part.format_spec is not None:
                    self.refuse(part, "Only plain names stand in {} here.", "Leave out what comes after the name.")
                elif found.kind not in (Kind.TEXT, Kind.NUMBER, Kind.REFUSED):
                    words = "Only the names of columns and numbers stand in {} here."
                    self.refuse(part, words, 'For the values of columns, write pl.format("{} …", pl.col(…)).')
        return TEXT


_MAKES_COLUMNS = frozenset({"with_columns", "select", "agg", "struct", "group_by", "with_fields"})
"""Their named arguments are names of columns."""
