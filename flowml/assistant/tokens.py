"""How many tokens a text may take, and how much room a model needs for it.

Ollama cuts what does not fit, without a word: earlier messages first. Its own default is 4,096 tokens on machines
without a large GPU, and was 2,048. So the room is asked for with each request (`num_ctx`), and what a model cannot take
is refused before it is sent. How a model cuts text into tokens only the model knows; this counts rather too many.
"""

from collections.abc import Sequence

from flowml.assistant.model import Message, TooLong
from flowml.domain.wording import number

WINDOWS = (8_192, 16_384, 32_768)
"""Few sizes, in tokens: with each other size Ollama loads the model again."""
_OF_A_MESSAGE = 16
"""What a model's template adds to a message."""
_LETTERS_A_TOKEN = 2.5
_SPARE = 128


def estimated(text: str) -> int:
    """At most so many tokens, for all common tokenizers. Letters come several a token; digits and signs may be one each
    (Qwen, Gemma), and what is not ASCII takes about half of its bytes.

    >>> estimated("Passengers of the first class survived more often."), estimated("3.14159"), estimated("表のデータ")
    (21, 7, 8)
    """
    letters = signs = others = 0
    for character in text:
        if not character.isascii():
            others += len(character.encode("utf-8", "surrogatepass"))
        elif character.isalpha() or character == " ":
            letters += 1
        else:
            signs += 1
    return round(letters / _LETTERS_A_TOKEN + signs + others / 2)


def of_messages(messages: Sequence[Message]) -> int:
    """The same for what is told to a model."""
    return sum(estimated(message.content) + _OF_A_MESSAGE for message in messages) + _SPARE


def window(messages: Sequence[Message], answer_tokens: int, most: int | None) -> int:
    """The room, in tokens, to ask for: enough for these messages and their answer. `most` is what the model was made
    for, where that is known. Raises TooLong where that is less.

    >>> window([Message("user", "Hello")], 2_048, None), window([Message("user", "1" * 9_000)], 2_048, 131_072)
    (8192, 16384)
    """
    needed = of_messages(messages) + answer_tokens
    largest = min(WINDOWS[-1], most or WINDOWS[-1])
    if needed > largest:
        raise TooLong(
            f"What is to be told takes about {number(needed - answer_tokens)} tokens, and the model takes"
            f" {number(max(0, largest - answer_tokens))} beside its answer.",
            hint="Ask about fewer columns, or choose a model that takes longer texts.",
        )
    return min(next(size for size in WINDOWS if size >= needed), largest)
