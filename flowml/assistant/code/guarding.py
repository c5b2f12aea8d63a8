"""The last look at code that nothing was found wrong with: that all of it was looked at. The checker goes from the
outside to the inside and can turn back too early; here the whole tree is gone through once more, by a walk that does
not know what code means, and what the checker has not been at is refused, whatever it is."""

import ast
from collections.abc import Collection, Iterator

from flowml.assistant.code import allowed
from flowml.assistant.code.operators import OPERATORS
from flowml.assistant.code.refusing import is_hidden

_MARKED = (ast.expr, ast.stmt, ast.keyword, ast.comprehension)
# Without a place of their own; Python has one of each for all trees.
_SIGNS = (ast.Load, ast.Store, *OPERATORS, ast.USub, ast.UAdd, ast.Invert, ast.Not, ast.And, ast.Or, ast.cmpop)
_NODES = (
    *(ast.Assign, ast.Expr, ast.keyword, ast.comprehension, ast.Slice),
    *(ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare),
    *(ast.Subscript, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.DictComp),
    *(ast.JoinedStr, ast.FormattedValue),
)
_ATTRIBUTES = frozenset().union(
    *allowed.NAMESPACES.values(),
    allowed.NAMESPACES,
    *(allowed.FUNCTIONS, allowed.TYPES, allowed.TYPE_METHODS, allowed.PROPERTIES, allowed.METHODS, allowed.SELECTORS),
    allowed.TEXT_METHODS,
    ("selectors",),
)


def overlooked(tree: ast.Module, seen: Collection[ast.AST], given: Collection[str]) -> Iterator[ast.AST]:
    """What of the tree may not pass: each node that is not among `seen` or of no kind that code may have, and each name
    that is neither on a list, nor `given`, nor made by the code itself."""
    names = {*given, *allowed.BUILTINS, *allowed.PYTHON_TYPES, "range"}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    place: ast.AST = tree
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, *_SIGNS)):
            continue
        place = node if hasattr(node, "lineno") else place
        is_known = isinstance(node, _NODES) and isinstance(node, _MARKED) and node in seen
        match node:
            case ast.Name(id=name):
                is_known = is_known and name in names and not is_hidden(name)
            case ast.Attribute(attr=name):
                is_known = is_known and name in _ATTRIBUTES and not is_hidden(name)
            case ast.keyword(arg=name):
                is_known = is_known and name is not None and not is_hidden(name)
        if not is_known:
            yield place
