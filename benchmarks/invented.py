"""Whether invented numbers in a model's words are found: true sentences that are marked, and false ones that pass.

    python -m benchmarks invented

Sentences written by hand, and FlowML's own on runs of many kinds, as they are and with each number in turn replaced by
another one; each with its citations and without. Of numbers where nothing is cited it is said that they are not
checked: those are counted apart.
"""

import argparse
import re
from collections.abc import Iterable, Sequence

from flowml.assistant.facts import Fact
from flowml.assistant.numbers.apart import citations
from flowml.assistant.numbers.checking import Kind, check
from flowml.assistant.numbers.reading import stated
from flowml.assistant.sentences.results.explain import explain
from tests.assistant.numbers.test_numbers import FACTS, FALSE, NAMES, TRUE
from tests.assistant.sentences.test_results import CASES

_CHANGES = (("half as much again", 1.5), ("half", 0.5), ("a fifth more", 1.2), ("ten times", 10.0))
_SHARES = ("{} of 100 rows are right.", "{} % of rows are right.", "{}.3 % of rows are right.")
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


def kinds(text: str, facts: Sequence[Fact], names: Iterable[str]) -> set[Kind]:
    return {mark.kind for mark in check(text, facts, names).marks}


def is_doubted(found: set[Kind]) -> bool:
    """Whether a number is said to be wrong, and not only not to be checked."""
    return bool(found - {Kind.UNCITED})


def shares() -> None:
    """Every share there is, said of results where nothing is cited."""
    found, unchecked, total = 0, 0, 0
    for known in CASES.values():
        own = explain(known)
        for form in _SHARES:
            for count in range(2, 99, 8):
                there = kinds(form.format(count), own.facts, ())
                found, unchecked = found + is_doubted(there), unchecked + (there == {Kind.UNCITED})
                total += 1
    passed = total - found - unchecked
    print(f"any share, without citations: {found} of {total} found, {unchecked} said to be unchecked, {passed} passed")


def main(arguments: list[str]) -> None:
    """Print the counts; false ones that pass are no failure, true ones by hand that are marked are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    by_hand = 0
    for how, form in (("cited", str), ("without citations", bare)):
        false = [kinds(form(text), FACTS, NAMES) for text, _ in FALSE]
        marked = sum(is_doubted(kinds(form(text), FACTS, NAMES)) for text in TRUE)
        found, passed = sum(map(is_doubted, false)), sum(not one for one in false)
        by_hand += marked
        print(
            f"by hand, {how}: {marked} of {len(TRUE)} true marked; {found} of {len(FALSE)} false found,"
            f" {len(FALSE) - found - passed} said to be unchecked, {passed} passed"
        )
    shares()
    for how in ("cited", "without citations"):
        true = marks = 0
        hits = {name: [0, 0, 0] for name, _ in _CHANGES}
        for known in CASES.values():
            own = explain(known)
            names = [known.target, *(known.matrix.labels if known.matrix else ())]
            for sentence in (one for part in own.sections for one in part.sentences):
                cites = f" [{', '.join(sentence.facts)}]." if sentence.facts and how == "cited" else "."
                text = sentence.text.rstrip(".") + cites
                true, marks = true + 1, marks + is_doubted(kinds(text, own.facts, names))
                for one in stated(text):
                    for name, factor in _CHANGES:
                        other = changed(text, one.start, one.end, factor)
                        if other is not None:
                            there = kinds(other, own.facts, names)
                            hits[name][0] += is_doubted(there)
                            hits[name][1] += there == {Kind.UNCITED}
                            hits[name][2] += 1
        print(f"FlowML's own, {how}: {marks} of {true} true marked")
        for name, (some, unchecked, total) in hits.items():
            share = (total - some - unchecked) / max(total, 1)
            print(f"  a number made {name}: {some} of {total} found, {unchecked} unchecked, {share:.0%} passed")
    if by_hand:
        raise SystemExit("True sentences were marked.")
