"""What FlowML has found about a data set, as facts: for the assistant to be told, and for its texts to cite.

Nothing is computed here that the pages would not compute: statistics were made when the file came in, findings and
relations are kept once anybody has asked for them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from flowml.assistant.facts import Briefing, Fact, figures_in, numbered
from flowml.data.profiling.personal import looks_personal
from flowml.domain import wording
from flowml.domain.datasets import Column, ColumnStats, Dataset, Finding, Role
from flowml.services import figures
from flowml.services.context import Context
from flowml.services.previews import preview

MOST_COLUMNS = 40
"""Of so many columns the figures are told; of wider tables those come first that something was found about."""
MOST_FINDINGS, MOST_RELATIONS = 24, 12
FEWEST_VALUES = 10
"""Of a column with fewer no range, mean or median is told."""

_SAMPLE_VALUES, _FEW_SAMPLES, _LOOKED_AT = 5, 3, 20
_HARDLY = 0.05
_ROWS_PER_COLUMN = 2
_TYPES = {
    "Int64": "whole numbers",
    "Float64": "numbers",
    "Boolean": "true or false",
    "String": "texts",
    "Date": "dates",
    "Datetime": "dates with a time",
}


def of_dataset(
    context: Context, dataset_id: str, target: str | None = None, *, shared: Collection[str] = ()
) -> Briefing:
    """What is known of a table, to predict `target` or nothing in particular: its size, what was found, how the columns
    go with the target, and each column's figures. Values stand among the facts only of the columns that are `shared`.

    Waits for what nobody has asked for yet. Raises NotFound, InvalidInput for an unknown target."""
    dataset = context.store.datasets.get(dataset_id)
    stats = {column.name: column for column in figures.stats(context, dataset_id)}
    quality = figures.quality(context, dataset_id, target)
    related, note_on_related = _relations(context, dataset, target)
    first = _first_columns(dataset.columns, target, quality.issues, related)
    told = first[:MOST_COLUMNS]
    samples = _samples(context, dataset_id, [stats[name] for name in told if name in shared])
    facts = [
        *_about_table(dataset, target, stats),
        *(_about_finding(dataset, issue, shared) for issue in quality.issues[:MOST_FINDINGS]),
        *_about_relations(dataset, target, related),
        *(_about_column(dataset, stats[name], name in shared, samples.get(name, ())) for name in told),
    ]
    return Briefing(
        numbered(facts),
        tuple(column.name for column in dataset.columns),
        tuple(_left_out(first, quality.issues, related, (quality.note, note_on_related))),
        guarded=_guarded(stats.values(), shared),
        shared=frozenset(shared),
    )


def guarded_columns(context: Context, dataset_id: str, shared: Collection[str]) -> frozenset[str]:
    """The columns of which no figure is told that is a value of theirs: those that look personal, and where a range
    would be the values themselves, unless their owner shares them. Raises NotFound."""
    return _guarded(figures.stats(context, dataset_id), shared)


def _guarded(columns: Iterable[ColumnStats], shared: Collection[str]) -> frozenset[str]:
    return frozenset(
        column.name
        for column in columns
        if column.name not in shared and (looks_personal(column) is not None or not _has_a_spread(column))
    )


def _has_a_spread(column: ColumnStats) -> bool:
    """Of fewer values, or one value, the range, the mean and the median tell each row's."""
    return column.count >= FEWEST_VALUES and column.n_unique > 1


def _relations(context: Context, dataset: Dataset, target: str | None) -> tuple[Sequence[dict[str, Any]], str | None]:
    """Strongest first, and on what they were not looked for."""
    column = dataset.column(target) if target is not None else None
    if column is None or column.dtype in ("Date", "Datetime") or column.role is Role.CONSTANT:
        return (), None
    found = figures.relations(context, dataset.id, column.name)
    return found["columns"], found["note"]


def _first_columns(
    columns: Iterable[Column], target: str | None, issues: Iterable[Finding], related: Iterable[dict[str, Any]]
) -> list[str]:
    """All names, those that matter most first: the target, what is tied to it, what was found, the rest in order."""
    names = [column.name for column in columns]
    told = [
        *([target] if target is not None else []),
        *(item["name"] for item in list(related)[:MOST_RELATIONS] if (item["strength"] or 0) >= _HARDLY),
        *(name for issue in issues for name in issue.columns),
        *names,
    ]
    there = frozenset(names)
    return [name for name in dict.fromkeys(told) if name in there]


def _about_table(dataset: Dataset, target: str | None, stats: dict[str, ColumnStats]) -> Iterator[Fact]:
    cells = dataset.n_rows * dataset.n_columns
    missing = sum(column.missing for column in stats.values())
    share = f"; {wording.percent(missing / cells)} of all cells are missing" if cells and missing else ""
    yield _fact(
        f"The table has {wording.plural(dataset.n_rows, 'row')} and {wording.plural(dataset.n_columns, 'column')}"
        f"{share}.",
        link=f"/datasets/{dataset.id}#table",
    )
    if target is not None:
        yield _fact(f"The column to predict is “{target}”.", target, f"/datasets/{dataset.id}#columns")


def _about_finding(dataset: Dataset, issue: Finding, shared: Collection[str]) -> Fact:
    allowed = bool(issue.columns) and all(name in shared for name in issue.columns)
    place = f"/datasets/{dataset.id}#quality"
    column = issue.columns[0] if len(issue.columns) == 1 else None
    return _fact(issue.message, column, place, _quoted(issue.message) if allowed else (), issue.columns)


def _about_relations(dataset: Dataset, target: str | None, related: Sequence[dict[str, Any]]) -> Iterator[Fact]:
    strong = [item for item in related if (item["strength"] or 0.0) >= _HARDLY]
    for item in strong[:MOST_RELATIONS]:
        rises = {1: "; one rises with the other", -1: "; one falls as the other rises"}.get(item["direction"], "")
        yield _fact(
            f"“{item['name']}” goes together with “{target}”: {item['strength']:.2f} ({item['measure']}, 0 is not at"
            f" all, 1 entirely){rises}.",
            item["name"],
            f"/datasets/{dataset.id}?target={quote(str(target))}#relations",
        )
    link = f"/datasets/{dataset.id}?target={quote(str(target))}#relations"
    if related and len(strong) < len(related):
        which = "other column" if len(related) + 1 >= dataset.n_columns else "column that was compared"
        many = None if which == "other column" else "columns that were compared"
        yield _fact(
            f"Of the {wording.plural(len(related), which, many)}, {len(related) - len(strong):,} hardly go"
            f" together with “{target}”.",
            target,
            link,
        )
    if strong and len(related) * _ROWS_PER_COLUMN > dataset.n_rows:
        yield _fact(
            f"With {wording.plural(len(related), 'column')} and only {wording.plural(dataset.n_rows, 'row')} some go"
            f" together with “{target}” by chance.",
            target,
            link,
        )


def _samples(context: Context, dataset_id: str, shared: Sequence[ColumnStats]) -> dict[str, tuple[str, ...]]:
    """Of texts of which none is frequent some of the first ones."""
    wanted = [column.name for column in shared if column.dtype == "String" and not column.top and column.count]
    if not wanted:
        return {}
    page = preview(context, dataset_id, limit=_LOOKED_AT)
    places = {name: page.columns.index(name) for name in wanted}
    found = {name: [row[place] for row in page.rows if isinstance(row[place], str)] for name, place in places.items()}
    return {name: tuple(dict.fromkeys(values))[:_FEW_SAMPLES] for name, values in found.items()}


def _about_column(dataset: Dataset, column: ColumnStats, is_shared: bool, samples: tuple[str, ...]) -> Fact:
    said = [f"“{column.name}”: {_TYPES.get(column.dtype, column.dtype)}, {column.role}"]
    if column.missing:
        said.append(f"{wording.plural(column.missing, 'value')} missing ({wording.percent(column.missing_share)})")
    said.append(f"{wording.plural(column.n_unique, 'different value')}")
    texts: tuple[str, ...] = ()
    personal = looks_personal(column)
    if is_shared or (personal is None and _has_a_spread(column)):
        said += _spread(column)
    elif personal is not None and column.role is not Role.IDENTIFIER:
        said.append(f"holds {personal} by its look")
    if is_shared and column.dtype in ("String", "Boolean"):
        top = [item for item in column.top if isinstance(item.value, str)][:_SAMPLE_VALUES]
        texts = tuple(item.value for item in top) or samples
        if top:
            said.append("most frequent: " + ", ".join(f"“{item.value}” {item.count:,} times" for item in top))
        elif samples:
            said.append("such as " + wording.listed([f"“{text}”" for text in samples]))
    return _fact("; ".join(said) + ".", column.name, f"/datasets/{dataset.id}#columns", texts)


def _spread(column: ColumnStats) -> Iterator[str]:
    if column.mean is not None and column.dtype in ("Int64", "Float64"):
        yield f"from {wording.number(column.min)} to {wording.number(column.max)}"
        yield f"mean {wording.number(column.mean)}, median {wording.number(column.median)}"
        if column.skewness is not None and abs(column.skewness) >= 1:
            tail = "large" if column.skewness > 0 else "small"
            yield f"a long tail of {tail} values (skewness {column.skewness:.1f})"
    elif column.dtype in ("Date", "Datetime") and column.min is not None:
        yield f"from {column.min} to {column.max}"
    elif column.role is Role.BOOLEAN and column.mean is not None:
        yield f"true in {wording.percent(column.mean)}"
    elif column.top and column.count and column.role in (Role.CATEGORICAL, Role.BOOLEAN):
        most = wording.percent(column.top[0].count / column.count)
        yield f"the most frequent one in {most} of the rows that have one"


def _left_out(
    columns: Sequence[str],
    issues: Sequence[Finding],
    related: Sequence[dict[str, Any]],
    notes: Sequence[str | None],
) -> Iterator[str]:
    if len(columns) > MOST_COLUMNS:
        yield (
            f"The figures of {wording.plural(len(columns) - MOST_COLUMNS, 'column')} are left out: those with findings,"
            " or that say most about the target, come first."
        )
    if len(issues) > MOST_FINDINGS:
        yield f"{wording.plural(len(issues) - MOST_FINDINGS, 'finding')} that matter less are left out."
    strong = sum((item["strength"] or 0.0) >= _HARDLY for item in related)
    if strong > MOST_RELATIONS:
        yield f"{wording.plural(strong - MOST_RELATIONS, 'weaker relation')} with the target are left out."
    yield from dict.fromkeys(note for note in notes if note)


def _fact(
    sentence: str,
    column: str | None = None,
    link: str = "",
    texts: tuple[str, ...] = (),
    values_of: tuple[str, ...] = (),
) -> Fact:
    return Fact("", sentence, figures_in(sentence), column, link, texts, values_of)


def _quoted(message: str) -> tuple[str, ...]:
    """What stands in quotation marks in a sentence of FlowML's own."""
    return tuple(part.partition("”")[0] for part in message.split("“")[1:])
