"""Which row each row of a result was: the same code, run on the table with the numbers of its rows beside its columns.

What it makes is compared with what the code has really made, so that code with which this does not work costs nothing
but that its rows are not compared.
"""

import ast
import copy

ROW = "\0row"
"""The column that holds the numbers of the rows, from 0, behind those of a result. No table has one of this name."""


def keeping_rows(tree: ast.Module, row: str) -> ast.Module:
    """The same code, in which selecting columns selects the numbers as well, which are in the column `row`, and rows
    are the same without them."""
    kept = copy.deepcopy(tree)
    _Keeping(row).visit(kept)
    return ast.fix_missing_locations(kept)


class _Keeping(ast.NodeTransformer):
    def __init__(self, row: str):
        self._row = row

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute) or _is_of_polars(node.func.value):
            return node
        if node.func.attr == "select":
            places = node.args
            if len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple):
                places = node.args[0].elts
            places.append(_expression("pl.col", self._row, node))
        elif node.func.attr == "unique" and not node.args and all(word.arg != "subset" for word in node.keywords):
            node.keywords.append(ast.keyword(arg="subset", value=_expression("cs.exclude", self._row, node)))
        return node


def _is_of_polars(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("pl", "cs")


def _expression(function: str, row: str, place: ast.expr) -> ast.expr:
    """`function` of the numbers' column."""
    module, _, name = function.partition(".")
    called = ast.Attribute(value=ast.Name(id=module, ctx=ast.Load()), attr=name, ctx=ast.Load())
    return ast.copy_location(ast.Call(func=called, args=[ast.Constant(value=row)], keywords=[]), place)
