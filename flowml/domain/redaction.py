"""Taking what is secret out of a text that somebody will keep or read.

The time that it takes grows with the length of the text and no faster, whatever the text is: it may come from a machine
that wishes us ill. So each pattern begins at a word of its own, no two of its parts take the same signs, and a part
never gives back what it has taken (`*+`), but for bounded ones.
"""

import re

_MOST_OF_A_SECRET = 1_000
_WHOLE = 50_000

# What names a secret, alone or within a longer name (DB_PASSWORD, accessToken, AWS_SECRET_ACCESS_KEY, X-Api-Key). Not
# “tokens”, which are counted, and not “tokenizer”.
_NAMES = (
    r"(?:token|password|passwd|passphrase|pwd|secret|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|signature)"
    r"(?:[_-][\w-]{0,40}+|key|id|value|hash)?+"
)
# Quoted in Python or JSON, also within another quoted text; one that was cut off ends with its line.
_QUOTED = r"[bru]{0,2}+\\{0,4}+(?:\"(?:[^\"\\\r\n]|\\[^\r\n])*+\"?+|'(?:[^'\\\r\n]|\\[^\r\n])*+'?+)"
_SCHEME = r"(?:(?:basic|bearer|digest|negotiate|token|apikey)\s++)?+"
_VALUE = rf"(?:{_QUOTED}|{_SCHEME}[^\s&]++)"
_ENDS_NAME = r"(?:\\{0,4}+[\"'])?+"

# Whole ones, and what is left of one that was cut off.
_SECRETS = re.compile(
    r"(flowml_(?:admin|api|worker)_)[0-9A-Za-z]{6,}+"
    r"|(bearer\s++)[^\s\"',;]++"
    rf"|(authorization{_ENDS_NAME}\s*+[:=]\s*+)(?:{_QUOTED}|[^\r\n]++)"
    rf"|(cookie{_ENDS_NAME}\s*+[:=]\s*+)[^\r\n]++"
    r"|(flowml-\d++=)[^\s\"',;]++"
    rf"|({_NAMES}{_ENDS_NAME}\s*+[:=>]{{1,3}}+\s*+){_VALUE}"
    rf"|(--?(?:[a-z0-9]{{1,20}}+[_-]){{0,3}}{_NAMES}(?:{_ENDS_NAME},\s*+|\s++))(?!-){_VALUE}"
    r"|(-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----)[^-]++"
    # Up to the last @ before the path: one may stand in the password.
    r"|(://)[^\s/?#\"'<>]+(?=@)",
    re.IGNORECASE,
)
_CUT_OFF_LOGIN = re.compile(r"(://)[^\s/?#\"'<>]++\Z")


def without_secrets(text: str) -> str:
    """
    >>> without_secrets("GET /?token=abcdefgh refused, Authorization: Bearer xyz, DB_PASSWORD=hunter2")
    'GET /?token=… refused, Authorization: …'
    """
    return _SECRETS.sub(lambda found: f"{next(part for part in found.groups() if part is not None)}…", text)


def beginning(text: str, most: int) -> str:
    """So much of a text at most, without secrets, also where it is cut in the middle of one."""
    if len(text) <= most:
        return without_secrets(text)
    return _CUT_OFF_LOGIN.sub(r"\1…", without_secrets(text[:most]))


def both_ends(text: str, most: int) -> str:
    """The same of a text of several lines: one that is too long is cut in its middle."""
    if len(text) <= 2 * _WHOLE:
        clean = without_secrets(text)
        first = last = clean
    else:
        first = beginning(text, _WHOLE)
        # Of a secret in which this begins nothing says that it is one.
        last = without_secrets(text[-_WHOLE:])[_MOST_OF_A_SECRET:]
        clean = f"{first}\n…\n{last}"
    if len(clean) <= most:
        return clean
    half = most // 2 - 2
    return f"{first[:half]}\n…\n{last[-half:]}"
