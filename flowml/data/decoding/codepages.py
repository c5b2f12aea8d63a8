"""Which of the encodings from before Unicode a text is in.

Every candidate decodes the words that have letters beyond ASCII, and is judged by how plausible they are: letters that
its languages use, the frequent ones more; no capital after a small letter, no sign inside a word, no two scripts in
one. For the languages of East Asia what counts are the characters that make up most of any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_WORD = re.compile(rb"[\x40-\xff]+")
_MOST_BYTES = 12_000
_LEAST_SCORE = 0.25
_NEUTRAL_SIGNS = frozenset("“”„‘’‚–—…€£°§«»·•†©®™½¼²³×÷±№\u00a0“”，。、：；（）「」？！")


@dataclass(frozen=True)
class _Language:
    """`letters` beyond ASCII, the frequent ones first; `latin` when they stand among those of ASCII."""

    encoding: str
    letters: str
    latin: bool = True


# Where two fit alike the first is taken.
_LANGUAGES = (
    _Language("cp1252", "äüößé"),
    _Language("cp1252", "éèàêçâîôûùëïœæÿ"),
    _Language("cp1252", "óíáéñúüçàèòï¿¡ºª"),
    _Language("cp1252", "ãçéáíóõêâúàôüºª"),
    _Language("cp1252", "àèéìòùîº"),
    _Language("cp1252", "åäöøæéüšž"),
    _Language("cp1252", "ðíáéóöæþúýÞ"),
    _Language("cp1252", "ëïéöüèóáêç"),
    _Language("cp1250", "łóąężśćńź"),
    _Language("cp1250", "áíéěřščžýůúóďťňľĺŕôä"),
    _Language("cp1250", "áéőöíóüúű"),
    _Language("cp1250", "ăîâţşșțº"),
    _Language("cp1250", "čšžćđ"),
    _Language("cp1254", "ıüşğöçİâîŞÇÖÜĞû"),
    _Language("cp1257", "ėšųįžąūęč"),
    _Language("cp1257", "āīēšņļūžģķčŗ"),
    _Language("cp1257", "äõüöšž"),
    _Language("iso8859-2", "łóąężśćńź"),
    _Language("iso8859-2", "áíéěřščžýůúóďťňľĺŕôä"),
    _Language("cp1258", "đăâêôơưáàéèíóòúùýõãñ\u0300\u0301\u0303\u0309\u0323"),
    # As cp1252, but for the euro and a few more signs.
    _Language("iso8859-15", "äüößé"),
    _Language("iso8859-15", "éèàêçâîôûùëïœæÿ"),
    _Language("iso8859-15", "óíáéñúüçàèòï¿¡ºª"),
    _Language("iso8859-15", "ãçéáíóõêâúàôüºª"),
    _Language("iso8859-15", "àèéìòùîº"),
    _Language("iso8859-15", "åäöøæéüšž"),
    _Language("mac-roman", "äüößé"),
    _Language("mac-roman", "éèàêçâîôûùëïœæÿ"),
    _Language("mac-roman", "óíáéñúüçàèòï¿¡ºª"),
    _Language("mac-roman", "ãçéáíóõêâúàôüºª"),
    _Language("mac-roman", "åäöøæéü"),
    _Language("cp850", "äüößé"),
    _Language("cp850", "éèàêçâîôûùëï"),
    _Language("cp850", "óíáéñúü¿¡ºª"),
    _Language("cp1251", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґўљњћђџј", latin=False),
    _Language("koi8-r", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", latin=False),
    _Language("koi8-u", "оаниітевркслудпмзьбгяйчхцїжюєщфґ", latin=False),
    _Language("cp866", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", latin=False),
    _Language("mac-cyrillic", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", latin=False),
    _Language("iso8859-5", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", latin=False),
    _Language("cp1253", "αοιτεσνηρςυκπλμάίόέήδγύωώχθφβξζψϊϋΐΰ", latin=False),
    _Language("cp1255", "יוהלארתבשמנעכדקפחטגזסצםןךףץְִֵֶַָֹּ", latin=False),
    _Language("cp1256", "الينمرتوبةعدسفهكقحجشصطخضزذثئءغظىأإآؤپچژگ،؟", latin=False),
    _Language("cp874", "านรกอเงมยลวดทสตะบปชคหจพผขซถธฟภฉศณแไใโิีึืุู่้็์ัาำๆ", latin=False),
)

_CHINESE = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三"
    "之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间"
    "样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系北京上海广州市区路店名称价格数量备注城省张王李"
)
_TRADITIONAL = (
    "的一是在不了有和人這中大為上個國我以要他時來用們生到作地於出就分對成會可主發年動同工也能下過子說產種面而方後多定行學法所民得經十三"
    "之進著等部度家電力裡如水化高自二理起小物現實加量都兩體制機當使點從業本去把性好應開它合還因由其些然前外天政四日那社義事平形相全表間"
    "樣與關各重新線內數正心反你明看原又麼利比或但質氣第向道命此變條只沒結解問意建月公無系台灣北臺市區路店名稱價格數量備註城縣張王李陳林"
)
_KOREAN = (
    "이다는에의을가를하고은로한지사도기서어리인아자시대정나일그해주수보라있전스니과으게만들여장구원것부성제상공와동비우면적조무오관안선국"
    "신세경유소중었마위생요방했문치화영내모실진연시명계회학트산김박최름격강북남울광부천충청"
)
_JAPANESE = (
    "のにをはがとでたしてなれさいるもからこまりあすよっきくうそみらせけおだどンスルトイアラリーカクシドタフコグチマ日本人大年中国東京会社名山田"
    "村木小川佐藤鈴高橋伊渡辺林加吉松井上野石北海道札幌市神奈県横浜区町氏住所前後円数量品番号電話一二三月火水金土出時分間行見生学新長"
)
_KANA = r"[\u3041-\u30ff\uff10-\uff9f]"
_HAN = r"[\u4e00-\u9fff\u3001-\u3020\uff01-\uff5e]"
# Each with the characters that are common, and those of its script.
_EAST_ASIAN = {
    "cp932": (_JAPANESE, rf"{_KANA}|{_HAN}"),
    "euc_jp": (_JAPANESE, rf"{_KANA}|{_HAN}"),
    "gb18030": (_CHINESE, _HAN),
    "big5": (_TRADITIONAL, _HAN),
    "cp949": (_KOREAN, r"[\uac00-\ud7a3]"),
}


def guess_codepage(content: bytes) -> str | None:
    """The encoding of a piece of text that is not UTF-8; None when no candidate makes sense of it.

    >>> guess_codepage("Zażółć gęślą jaźń".encode("cp1250"))
    'cp1250'
    """
    words = [word for word in _WORD.findall(content) if not word.isascii()]
    sample = b" ".join(words)[:_MOST_BYTES]
    cut = sample.rfind(b" ")
    sample = sample[:cut] if len(sample) == _MOST_BYTES and cut > 0 else sample
    scores = {name: _east_asian(name, common, script, sample) for name, (common, script) in _EAST_ASIAN.items()}
    for language, handicap in [*((language, 0.0) for language in _LANGUAGES), *((mixed, 0.2) for mixed in _mixed())]:
        handicap += 0.0 if language.encoding.startswith("cp12") else 0.05
        score = _plausibility(sample, language) - handicap
        scores[language.encoding] = max(scores.get(language.encoding, -1.0), score)
    # The order of the candidates decides between equals.
    order = [*dict.fromkeys(language.encoding for language in _LANGUAGES), *_EAST_ASIAN]
    best = max(order, key=lambda name: scores[name])
    return best if scores[best] >= _LEAST_SCORE else None


@cache
def _mixed() -> tuple[_Language, ...]:
    """For each encoding all of its languages at once: a list of customers has names from several."""
    letters: dict[str, str] = {}
    for language in _LANGUAGES:
        if language.latin:
            letters[language.encoding] = letters.get(language.encoding, "") + language.letters
    return tuple(_Language(encoding, "".join(dict.fromkeys(found))) for encoding, found in letters.items())


def _plausibility(sample: bytes, language: _Language) -> float:
    """Mean over the characters beyond ASCII, from -1 to 1."""
    try:
        text = f" {sample.decode(language.encoding)} "
    except UnicodeDecodeError:
        return -1.0
    weights = _weights(language.letters, 0.02 if language.latin else 0.6 / len(language.letters))
    total, count = 0.0, 0
    for before, character, after in zip(text, text[1:], text[2:], strict=False):
        if character < "\x80":
            continue
        count += 1
        weight = weights.get(character)
        if weight is None:
            total += _of_stranger(character, before, after)
        elif language.latin and not (before < "\x80" or after < "\x80"):
            total -= 0.5
        elif (character.isupper() and before.islower()) or (
            not language.latin and (_is_ascii_letter(before) or _is_ascii_letter(after))
        ):
            total -= 1.0
        elif character.isupper() and language.latin and before.isspace() is False and not before.isupper():
            total += 0.3
        elif before.isspace() and after.isspace():
            # A letter alone is a word in few languages, a sign alone is one in all.
            total += 0.5 * weight
        else:
            total += weight
    return total / count if count else 0.0


def _of_stranger(character: str, before: str, after: str) -> float:
    if character in _NEUTRAL_SIGNS and not (before.isalpha() and after.isalpha() and character not in "’·\u00a0–—"):
        return 0.6
    return -0.7 if character.isalpha() else -1.0


@cache
def _weights(letters: str, falling: float) -> dict[str, float]:
    """What each letter counts: each less by `falling` than the one before it."""
    weights: dict[str, float] = {}
    for place, letter in enumerate(letters):
        weight = 1.0 - falling * place
        weights[letter] = max(weight, weights.get(letter, 0.0))
        upper = letter.upper()
        if len(upper) == 1 and upper not in letters:
            weights[upper] = 0.85 * weight
    return weights


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _east_asian(encoding: str, common: str, script: str, sample: bytes) -> float:
    """The share of characters of the script, and of the most common ones among them."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError as error:
        # The piece may end inside a character, and a delimiter may look like a part of one.
        if error.start < len(sample) - 3:
            return -1.0
        text = sample[: error.start].decode(encoding)
    beyond = [character for character in text if character >= "\x80"]
    if not beyond:
        return -1.0
    usual = sum(re.match(script, character) is not None for character in beyond) / len(beyond)
    frequent = sum(character in common for character in beyond) / len(beyond)
    # A tenth of any text at least; of a few names and places less.
    return (usual - 0.5) * 1.2 + 1.2 * frequent - (0.5 if frequent < 0.05 else 0.0)
