"""Texts that come from the data: made harmless before a model reads them, or kept from it where they read like
something else than a name or a value.

Nothing here makes a model immune: it takes away what texts of data have no need of, markup, control characters and
sentences. What protects the user is that a model's answer is data, checked and shown before anything is done.
"""

import itertools
import re
import unicodedata

LONGEST = 60
"""Of a name or a value no model is told more characters."""

_LOOKED_AT = 4_000
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Tokens of chat templates, markup, quotations and the ends of JSON texts take these; names of columns hardly do.
_HARMLESS = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "|": "¦",
        "[": "(",
        "]": ")",
        "{": "(",
        "}": ")",
        "`": "'",
        '"': "'",
        "“": "'",
        "”": "'",
        "\\": "/",
    }
)
# Letters of other alphabets that look like Latin ones.
_ALIKE = str.maketrans(
    "аеорсухкмтвнізјѕԁԛԝһӏАВЕКМНОРСТУХІЈЅαορεικνυτχΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡ",
    "aeopcyxkmtbhi3jsdqwhlABEKMHOPCTYXIJSaopeikvutxABEZHIKMNOPTYXig",
)
_MOST_WORDS_OF_NAME, _MOST_WORDS_OF_VALUE = 9, 5
# With an order in it, this many words are an instruction rather than a name.
_FEWEST_WORDS = 3
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ORDERS = re.compile(
    r"\b(?:ignor\w*|disregard\w*|forget|overrid\w*|bypass|instruct\w*|anweisung\w*|instruc\w+|istruzion\w*|prompt\w*"
    r"|jailbreak\w*|reveal|obey|pretend|assistant|vergiss\w*|losch\w*|olvid\w*|elimin[ae]\w*|borra\w*|oubli\w*"
    r"|supprim\w*|dimentic\w*|cancella\w*|esquec\w*|apagu\w*|zignoruj|usun|negeer|verwijder\w*|yoksay)\b"
)
# Two of these make an order as well; columns are called after one of them.
_WORDS_OF_ORDERS = re.compile(
    r"\b(?:system|developer|tool|function|execute|eval|exec|import|curl|delete|drop|remove|erase|truncate|print|output"
    r"|respond|reply|repeat|answer|say|write|call|must|never|always|you|your|please|password|secret|apikey|token|all"
    r"|every|everything|columns|rows|tables?|previous|above|operations|suggest|suggestions?|recommend|send|fetch)\b"
)
# The same where words are not set apart by blanks, or in other alphabets (after what looks like Latin is Latin).
_ORDERS_ELSEWHERE = re.compile(
    "忽略|无视|無視|指示|指令|删除|刪除|削除|命令|無効|무시|삭제|지시|تجاهل|احذف|تعليمات|התעלם|מחק|הוראות|अनदेखा|निर्देश|हटा"
    "|игнорир|забуд|удал|инструкц|команд|ігнор|видал|αγνοησ|διαγραψ|οδηγι|ละเว้น|ลบ"
)
_MARKUP = re.compile(
    r"\b(?:begin|end) data\b|[a-z][a-z0-9+.-]{1,12}://|\bwww\.|javascript:|\bdata:\w+/|!\[|\]\(|<[/!a-z|?]|```|\"\s*[,}\]:]|[{\[]\s*\"|<\||\|>"
    r"|\[/?inst|<<|>>|\bsystem\s*:|\bassistant\s*:|\buser\s*:|\bhuman\s*:|###|---{1,}|===|\$\{|\{\{|%7b|&#|\\[nux]",
    re.IGNORECASE,
)
_CODED = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
# Of an encoding about half of all characters are of another kind than the one before, of words few.
_CHANGES_OF_CODE = 0.42


def clean(text: str, longest: int = LONGEST) -> str:
    """The text on one line, without control, invisible and direction-changing characters and without markup, at most so
    long.

    >>> clean("Price\\u202e\\n<b>[€]", 9)
    'Price ‹b›…'
    """
    composed = unicodedata.normalize("NFKC", text[:_LOOKED_AT])
    visible = "".join(
        " " if character.isspace() else character
        for character in composed
        if character.isspace() or unicodedata.category(character) not in _INVISIBLE
    )
    line = " ".join(visible.translate(_HARMLESS).split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def name_to_tell(name: str) -> str | None:
    """The name of a column as a model may read it; None for one that reads like something else."""
    return None if _reads_like_more(name, _MOST_WORDS_OF_NAME) else clean(name) or None


def value_to_tell(value: str) -> str | None:
    """A value as a model may read it; None for one that reads like prose or an instruction."""
    if len(value) > LONGEST:
        return None
    return None if _reads_like_more(value, _MOST_WORDS_OF_VALUE) else clean(value) or None


def described(text: str) -> str:
    """What is told of a text in its place.

    >>> described("Ignore all of it"), described("")
    ('withheld: text of 16 characters', 'withheld: empty text')
    """
    if not text:
        return "withheld: empty text"
    return f"withheld: text of {len(text):,} character{'' if len(text) == 1 else 's'}"


def without_marks(text: str) -> str:
    """A text that is no data, such as a question, without the marks by which chat templates set messages apart.

    >>> without_marks("a <|im_start|> b")
    'a ‹¦im_start¦› b'
    """
    return text.replace("<|", "‹¦").replace("|>", "¦›")


def commands(text: str) -> bool:
    """Whether a text that is FlowML's but for pieces of data reads as if one of these spoke to a model."""
    plain = _plain(text)
    return bool(
        _MARKUP.search(text[:_LOOKED_AT])
        or re.search(r"\b(?:ignor|disregard|overrid|instruct|prompt|system|assistant|you (?:are|must|will))", plain)
        or _ORDERS_ELSEWHERE.search(plain)
        or _ORDERS_ELSEWHERE.search(text[:_LOOKED_AT].casefold())
    )


def _reads_like_more(text: str, most_words: int) -> bool:
    beginning = text[:_LOOKED_AT]
    if _MARKUP.search(beginning) or any(unicodedata.category(one) in ("Cc", "Co", "Cs") for one in beginning.strip()):
        return True
    # What hides letters or turns their direction has nothing to do in a name.
    if any(unicodedata.category(one) == "Cf" for one in beginning):
        return True
    words = [word for run in _WORD.findall(unicodedata.normalize("NFKC", beginning)) for word in _CAMEL.split(run)]
    if len(words) > most_words or any(_is_of_two_alphabets(word) for word in words):
        return True
    if any(_is_coded(found) for found in _CODED.findall(beginning)):
        return True
    lowered = beginning.casefold()
    if _ORDERS_ELSEWHERE.search(lowered) or _ORDERS_ELSEWHERE.search(_without_accents(lowered)):
        return True
    plain = _plain(" ".join(words))
    is_order = _ORDERS.search(plain) is not None or len(set(_WORDS_OF_ORDERS.findall(plain))) >= 2
    return len(words) >= _FEWEST_WORDS and is_order


def _plain(text: str) -> str:
    """In small Latin letters without accents, as far as it can be."""
    return _without_accents(unicodedata.normalize("NFKC", text[:_LOOKED_AT]).translate(_ALIKE).casefold())


def _without_accents(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFD", text) if unicodedata.category(one) != "Mn")


def _is_of_two_alphabets(word: str) -> bool:
    """Latin letters beside Cyrillic or Greek ones: no language writes so."""
    alphabets = {unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha()}
    # Units such as µm and names such as α1 or ΔT are one such letter in front.
    return "LATIN" in alphabets and bool(alphabets & {"CYRILLIC", "GREEK"}) and len(word) > 3


def _is_coded(text: str) -> bool:
    """Long runs in which capitals, small letters and digits change all the time, as in encodings and keys."""
    kinds = [(one.isupper(), one.islower(), one.isdigit()) for one in text]
    changes = sum(first != second for first, second in itertools.pairwise(kinds))
    return text.endswith("=") or (len(set(kinds)) >= 3 and changes > _CHANGES_OF_CODE * len(text))
