"""Every operation by its name, in the order in which they are offered."""

from flowml.data.recipes.operations import bounds, casting, categories, columns, dates, formulas, gaps, rows, texts
from flowml.data.recipes.operations.base import OperationType

OPERATIONS: dict[str, OperationType] = {
    operation.name: operation
    for family in (columns, casting, dates, gaps, bounds, categories, texts, formulas, rows)
    for operation in family.TYPES
}
