"""A conversation with a model: what it is told to do, the shape of its answers, and what may be taken out of them.

An answer is its text first, so that it can be read while it comes, and says in a word what it proposes. The steps
themselves are asked for in a second request, with the shape of just these operations: the shape of all of them would be
longer than everything else, and be read before the first word of every answer.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowml.assistant.code.source import LONGEST as LONGEST_THAT_RUNS
from flowml.assistant.model import Message, Role
from flowml.assistant.proposals import LONGEST_CODE, code_with_names
from flowml.assistant.telling import Told
from flowml.assistant.untrusted import without_marks
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain.conversations import AnswerState, Chart, Cited, Said, Speaker
from flowml.domain.errors import InvalidInput

LONGEST_TEXT = 6_000
MOST_CHARACTERS = 7_000
"""Of the facts that are told."""
_MOST_EARLIER, _LONGEST_EARLIER, _ALL_EARLIER = 8, 1_200, 4_000
_MOST_KINDS = 3

INSTRUCTIONS = (
    "You answer the questions of somebody who looks at this table, or at the results of a model that was trained on "
    "it, and who has no training in statistics. Answer in the language of the question, in plain words, at most 150 "
    "words, in short paragraphs or lists with “- ”. Behind each statement put the id of the fact that it rests on in "
    "brackets, such as [f3]. Where the facts do not answer the question, say so; do not guess. Questions that have "
    "nothing to do with this table or its results you decline in one sentence.\n"
    "You may propose one thing, and need not: “chart” where a drawing answers better (one column: how it is spread; "
    "with “by”: how it goes with another one), or “steps”, the kinds of operations that would mend or extend the table "
    "as you say in the text, or “code”, where no operation can do it: a few lines of Polars without imports, loops and "
    "functions, with the table as `df`, Polars as `pl`, and `df = …` at the end. FlowML shows it to the person, who "
    "decides; never say that you have done it."
)
STEPS = (
    "Now give the operations for what you have just proposed, and nothing else. They are previewed before anybody does "
    "them."
)

_CITED = re.compile(r"\s{0,2}\[(?:f\d{1,4}(?:\s*,\s*f\d{1,4})*)\]")
_IDS = re.compile(r"\[(f\d{1,4}(?:\s*,\s*f\d{1,4})*)\]")
_QUOTED = re.compile(r"“([^”]*)(?:”|$)")
_UNSURE_END = re.compile(r"(?:\[[^\]\n]{0,40}|[“\"'`]?\b[cv]\d{0,6}|[“\"'`])\Z")
_LONGEST_UNSURE = 48


@dataclass(frozen=True)
class Reply:
    """What a model has answered, with the names of the table: its text with the ids of facts, which of these it
    `cites`, and what it proposes; `kinds` are those of the operations to ask for. `coded` is the text as the model has
    said it, with ids."""

    text: str
    coded: str
    cites: tuple[str, ...]
    chart: Chart | None = None
    kinds: tuple[str, ...] = ()
    code: str = ""


def schema_of_reply(told: Told) -> dict[str, Any]:
    """The JSON Schema of an answer."""
    column = {"type": "string", "enum": list(told.spoken_of) or ["c1"]}
    return {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
            "chart": {
                "type": ["object", "null"],
                "properties": {"column": column, "by": {"type": ["string", "null"]}},
                "required": ["column"],
                "additionalProperties": False,
            },
            "steps": {"type": ["array", "null"], "items": {"enum": list(OPERATIONS)}, "maxItems": _MOST_KINDS},
            "code": {"type": ["string", "null"], "maxLength": LONGEST_CODE},
        },
        "required": ["text"],
        "additionalProperties": False,
    }


def reply_of(answer: Mapping[str, Any], told: Told) -> Reply:
    """An answer that has the schema's shape; of several things that it proposes the first. Raises InvalidInput."""
    text = told.named(answer["text"]).strip()
    if not text:
        raise InvalidInput("“text” is empty")
    known = {fact.id for fact in told.facts}
    cites = tuple(one for one in dict.fromkeys(_ids(text)) if one in known)
    chart = _chart(answer.get("chart"), told)
    kinds = () if chart else tuple(dict.fromkeys(answer.get("steps") or ()))
    code = "" if chart or kinds else code_with_names(answer.get("code") or "", told).strip()
    if len(code) > LONGEST_THAT_RUNS:
        raise InvalidInput("“code” is too long: name columns fewer times")
    return Reply(text, answer["text"], cites, chart, kinds, code)


def cited_by(reply: Reply, told: Told) -> tuple[Cited, ...]:
    """The facts that an answer cites, as they are kept with it."""
    return tuple(Cited(fact.id, fact.sentence, fact.column, fact.link) for fact in told.facts if fact.id in reply.cites)


class SoFar:
    """As much of a text that still comes as cannot become anything else by what comes next, with the names of the
    table.

    >>> growing = SoFar(Told((), {"c1": "Age", "c12": "Fare"}))
    >>> growing.of("Mend c1"), growing.of("Mend c1, as")
    ('Mend ', 'Mend “Age”, as')
    """

    def __init__(self, told: Told):
        self._told = told
        self._text, self._naming = "", told.naming()

    def of(self, text: str) -> str:
        """`text` is all that has come. It is another one than before where the answer is begun anew."""
        if not text.startswith(self._text):
            self._naming = self._told.naming()
        self._text = text
        unsure = _UNSURE_END.search(text, max(0, len(text) - _LONGEST_UNSURE))
        return self._naming.upto(text, len(text) if unsure is None else unsure.start())


def earlier_messages(
    earlier: Sequence[Said], columns: Collection[str], shared: frozenset[str] = frozenset()
) -> list[Message]:
    """What was said before, as far as there is room: the latest. Facts have other ids now, so that none is cited.

    Values of the table stand in answers by the model in “ ”, put back in the place of ids; they are not told again, as
    they were not told before. FlowML's own answers are full of values, and are left out, as are those of a model that
    might be told values of other columns than those that are `shared` now."""
    messages: list[Message] = []
    room = _ALL_EARLIER
    for said in reversed(earlier[-_MOST_EARLIER:]):
        is_user = said.speaker is Speaker.USER
        if said.state is AnswerState.FAILED or not said.text or not (is_user or said.model):
            continue
        if not is_user and (said.values_of is None or not shared.issuperset(said.values_of)):
            continue
        text = _CITED.sub("", said.text)[:_LONGEST_EARLIER]
        if not is_user:
            text = _without_values(text, columns)
        room -= len(text)
        if room < 0:
            break
        messages.insert(0, Message(Role.USER if is_user else Role.ASSISTANT, text))
    return messages


def _without_values(text: str, columns: Collection[str]) -> str:
    return _QUOTED.sub(lambda found: found[0] if found[1] in columns else "(a value)", text)


def asked_for_steps(told: Told, answer: str) -> tuple[Message, ...]:
    """The messages behind an answer that proposes steps."""
    said = without_marks(answer[:_LONGEST_EARLIER])
    return (*told.messages, Message(Role.ASSISTANT, said), Message(Role.USER, STEPS))


def _ids(text: str) -> list[str]:
    return [one.strip() for found in _IDS.findall(text) for one in found.split(",")]


def _chart(proposed: Mapping[str, Any] | None, told: Told) -> Chart | None:
    column = None if proposed is None else told.column(proposed["column"])
    if proposed is None or column is None:
        return None
    by = told.column(proposed.get("by"))
    return Chart(column, None if by == column else by)
