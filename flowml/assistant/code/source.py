"""The text of code, before it is parsed: bounded, and without what people cannot see."""

import ast
import io
import keyword
import tokenize
import unicodedata
import warnings
from dataclasses import dataclass

from flowml.assistant.unseen import UNSEEN

LONGEST = 10_000
MOST_LINES = 400
MOST_TOKENS = 4_000
MOST_NODES = 8_000
DEEPEST_BRACKETS = 30
DEEPEST = 150
_MOST_IN_A_ROW = 12
_IMPORT = "import polars as pl"
_LONGEST_NUMBER = 40


@dataclass(frozen=True, order=True)
class Refusal:
    """Something in the code that is not allowed: where it stands, both from 1, what it is, and what to do instead."""

    line: int
    column: int
    what: str
    instead: str = ""

    @property
    def sentence(self) -> str:
        """“Line 3, column 7: … Instead: …”."""
        return f"Line {self.line}, column {self.column}: {self.what} {self.instead}".strip()


_NO_CODE = Refusal(1, 1, "There is no code.", "Begin with df = df.with_columns(…).")


class Refused(Exception):
    """The code may not run; `refusals` says why, in the order of the lines."""

    def __init__(self, *refusals: Refusal):
        super().__init__(" ".join(refusal.sentence for refusal in refusals))
        self.refusals = tuple(sorted(set(refusals)))


def parse(source: str) -> ast.Module:
    """The code as a tree of bounded size and depth, without the import that it may begin with. Raises Refused, with all
    that can be seen at once."""
    _check_size(source)
    _check_characters(source)
    _check_tokens(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        words = f"This is not Python: {_plain(error.msg)}."
        raise Refused(Refusal(error.lineno or 1, max(1, error.offset or 1), words)) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise Refused(
            Refusal(1, 1, "This is too deeply nested to be read.", "Take it apart into several lines.")
        ) from None
    _check_tree(tree)
    _take_out_import(tree, source)
    if not tree.body:
        raise Refused(_NO_CODE)
    return tree


def _take_out_import(tree: ast.Module, source: str) -> None:
    """Models begin with this line whatever they are told; `pl` is there already. Nothing is imported."""
    if tree.body and isinstance(tree.body[0], ast.Import) and source.split("\n")[0].rstrip() == _IMPORT:
        del tree.body[0]


def _check_size(source: str) -> None:
    if not source.strip():
        raise Refused(_NO_CODE)
    if len(source) > LONGEST:
        raise Refused(
            Refusal(1, 1, f"The code is longer than {LONGEST:,} characters.", "Do it in several steps, each a version.")
        )
    if source.count("\n") >= MOST_LINES:
        raise Refused(
            Refusal(MOST_LINES + 1, 1, f"The code has more than {MOST_LINES} lines.", "Do it in several steps.")
        )


def _check_characters(source: str) -> None:
    found = []
    for number, line in enumerate(source.split("\n"), 1):
        for place, character in enumerate(line, 1):
            is_control = unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") and character not in "\t\r"
            if is_control or character in UNSEEN:
                words = f"There is a character that cannot be seen (U+{ord(character):04X})."
                found.append(Refusal(number, place, words, "Remove it."))
                break
    if found:
        raise Refused(*found)


def _check_tokens(source: str) -> None:
    """Depth and number of what the parser will meet, while it is still flat."""
    depth = count = in_a_row = 0
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            line, column = token.start[0], token.start[1] + 1
            count += 1
            if count > MOST_TOKENS:
                raise Refused(Refusal(line, column, "The code is too long.", "Do it in several steps."))
            is_bracket = token.type == tokenize.OP and token.string in "()[]{}"
            if token.type == tokenize.OP and token.string in "([{":
                depth += 1
                if depth > DEEPEST_BRACKETS:
                    words = f"There are more than {DEEPEST_BRACKETS} brackets inside of each other."
                    raise Refused(Refusal(line, column, words, "Give parts of it names of their own."))
            elif token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
            is_operator = token.type == tokenize.OP and not is_bracket or token.string in ("not", "lambda", "await")
            in_a_row = in_a_row + 1 if is_operator else 0
            if in_a_row > _MOST_IN_A_ROW:
                raise Refused(Refusal(line, column, "There are too many operators in a row."))
            if token.type == tokenize.NUMBER and len(token.string) > _LONGEST_NUMBER:
                found.append(Refusal(line, column, "This number is too long.", "Columns have 64 bits."))
            if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                found += _name(token.string, line, column)
    except tokenize.TokenError as error:
        line, column = error.args[1] if len(error.args) > 1 else (1, 0)
        words = f"This is not Python: {_plain(str(error.args[0]))}."
        raise Refused(Refusal(max(1, line), max(1, column), words, "Is a bracket or a quote still open?")) from None
    except SyntaxError as error:
        words = f"This is not Python: {_plain(error.msg)}."
        raise Refused(Refusal(error.lineno or 1, max(1, error.offset or 1), words)) from None
    if found:
        raise Refused(*found)


def _name(name: str, line: int, column: int) -> list[Refusal]:
    """Python takes “ｐｌ” for “pl”; here names are what they look like."""
    if unicodedata.normalize("NFKC", name) == name:
        return []
    words = f"The name “{name[:40]}” has letters that stand for others."
    return [Refusal(line, column, words, "Write it with plain letters.")]


def _check_tree(tree: ast.Module) -> None:
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    count = 0
    line = column = 1
    while waiting:
        node, depth = waiting.pop()
        line, column = getattr(node, "lineno", line), getattr(node, "col_offset", column - 1) + 1
        count += 1
        if count > MOST_NODES:
            raise Refused(Refusal(line, column, "The code is too long.", "Do it in several steps."))
        if depth > DEEPEST:
            raise Refused(Refusal(line, column, "This is too deeply nested.", "Give parts of it names of their own."))
        waiting.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


def _plain(words: str) -> str:
    return words.split("(")[0].strip().rstrip(".")[:120]
