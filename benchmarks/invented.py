"""Whether invented numbers in a model's words are found: true sentences that are marked, and false ones that pass.

    python -m benchmarks invented

Sentences written by hand, and FlowML's own on runs of many kinds, as they are and with each number in turn replaced by
another one; each with its citations and without.
"""

import argparse
import re

from flowml.assistant.numbers.checking import check
from flowml.assistant.numbers.reading import citations, stated
from flowml.assistant.sentences.results.explain import explain
from tests.assistant.numbers.test_numbers import FACTS, FALSE, NAMES, TRUE
from tests.assistant.sentences.test_results import CASES

_CHANGES = (("half as much again", 1.5), ("half", 0.5), ("a fifth more", 1.2), ("ten times", 10.0))
_DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?")


def bare(text: str) -> str:
    """Without its citations."""
    for one in reversed(citations(text)):
        text = text[: one.start] + text[one.end :]
    return re.sub(r"[ ]?[\[(][ ,;&]*[\])]", "", text)


def changed(text: str, start: int, end: int, factor: float) -> str | None:
    """With another number in the place of one in digits; None where the new one could not be told from it."""
    match = _DIGITS.search(text, start, end)
    if match is None:
        return None
    value = float(match.group().replace(",", ""))
    other = value * factor
    written = f"{other:,.0f}" if "." not in match.group() else f"{other:,.{len(match.group().partition('.')[2])}f}"
    return None if written == match.group() or value < 5 else text[: match.start()] + written + text[match.end() :]


def main(arguments: list[str]) -> None:
    """Print the counts; false ones that pass are no failure, true ones by hand that are marked are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    by_hand = 0
    for how, form in (("cited", str), ("without citations", bare)):
        marked = [text for text in TRUE if check(form(text), FACTS, NAMES).marks]
        found = [text for text, _ in FALSE if check(form(text), FACTS, NAMES).marks]
        by_hand += len(marked)
        print(f"by hand, {how}: {len(marked)} of {len(TRUE)} true marked, {len(found)} of {len(FALSE)} false found")
    for how in ("cited", "without citations"):
        true = marks = 0
        hits = {name: [0, 0] for name, _ in _CHANGES}
        for known in CASES.values():
            own = explain(known)
            names = [known.target, *(known.matrix.labels if known.matrix else ())]
            for sentence in (one for part in own.sections for one in part.sentences):
                cites = f" [{', '.join(sentence.facts)}]." if sentence.facts and how == "cited" else "."
                text = sentence.text.rstrip(".") + cites
                true, marks = true + 1, marks + bool(check(text, own.facts, names).marks)
                for one in stated(text):
                    for name, factor in _CHANGES:
                        other = changed(text, one.start, one.end, factor)
                        if other is not None:
                            hits[name][1] += 1
                            hits[name][0] += bool(check(other, own.facts, names).marks)
        print(f"FlowML's own, {how}: {marks} of {true} true marked")
        for name, (found_some, total) in hits.items():
            print(f"  a number made {name}: {found_some} of {total} found ({found_some / max(total, 1):.0%})")
    if by_hand:
        raise SystemExit("True sentences were marked.")
