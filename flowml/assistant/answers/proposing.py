"""What an answer of FlowML's own proposes."""

from collections.abc import Sequence

from flowml.assistant.answers.composing import Composition
from flowml.data.recipes.checking import check_operations, title_of
from flowml.domain.conversations import Proposal
from flowml.domain.datasets import Finding
from flowml.domain.recipes import Operation
from flowml.domain.wording import columns as named

_DESTROYS = frozenset({"drop", "keep", "drop_missing", "drop_duplicates", "filter", "sample"})


def propose(issues: Sequence[Finding], answer: Composition) -> None:
    """The first fix, one by which nothing goes before others."""
    fixes = [(proposal_of(issue.operations), issue) for issue in issues if issue.operations]
    if not fixes or answer.proposal is not None:
        return
    proposal, issue = min(fixes, key=lambda fix: fix[0].destroys)
    about = f" about {named(issue.columns)}" if issue.columns and len(fixes) > 1 else ""
    answer.say(f"What could be done{about}: {issue.suggestion}")
    answer.proposal = proposal


def proposal_of(operations: Sequence[Operation]) -> Proposal:
    """Operations as something to do. Raises InvalidInput."""
    checked = check_operations(operations)
    return Proposal(tuple(checked), tuple(map(title_of, checked)), destroys(checked))


def destroys(operations: Sequence[Operation]) -> bool:
    """Whether rows or columns go."""
    return any(operation["op"] in _DESTROYS for operation in operations)
