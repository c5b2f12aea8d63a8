"""What FlowML answers to whoever asks it to take something out of the table."""

from flowml.assistant.answers.composing import Composition
from flowml.assistant.answers.proposing import proposal_of
from flowml.assistant.answers.subject import Table
from flowml.assistant.answers.understanding import Question
from flowml.domain.wording import columns as named


def change(question: Question, table: Table, answer: Composition) -> None:
    """Nothing is changed by a question; the step is proposed, as far as its columns are named."""
    answer.say("Nothing in the table changes by asking here.")
    if not question.columns:
        answer.say("Name the columns that are to go, and the step is shown before it is done.")
        return
    if table.target in question.columns:
        answer.say(f"“{table.target}” is what is to be predicted: without it no model can be trained.")
        return
    if len(question.columns) >= len(table.stats):
        answer.say("Of a table without columns nothing would be left.")
        return
    answer.say(f"This step would drop {named(question.columns)}. Look at what it does before you take it.")
    answer.proposal = proposal_of(({"op": "drop", "columns": list(question.columns)},))
    answer.questions = [f"Tell me about “{question.columns[0]}”", "What is wrong with this table?"]
