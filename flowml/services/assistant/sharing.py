"""Of which columns a model may be told sample values: of none, until the owner of the table says so."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from flowml.data.profiling.personal import looks_personal
from flowml.domain.access.caller import Permission
from flowml.domain.datasets import ColumnStats, Dataset, Role
from flowml.domain.errors import Forbidden, InvalidInput, WrongState
from flowml.domain.names import did_you_mean
from flowml.domain.sharing import Sharing, Tick
from flowml.domain.wording import listed, unquoted
from flowml.services.context import Context


@dataclass(frozen=True)
class ShareableColumn:
    """A column whose values could be told. `personal` says what it seems to hold that tells who somebody is; `shared`
    is what holds, whether it was said of this column or follows from the switch."""

    name: str
    shared: bool
    personal: str | None


@dataclass(frozen=True)
class SharedColumns:
    """What holds for a data set. `may_change`: whether this caller may decide about it."""

    dataset_id: str
    ordinary: bool
    may_change: bool
    columns: tuple[ShareableColumn, ...]
    changed_at: float | None


def sharing(context: Context, dataset_id: str) -> SharedColumns:
    """What a model may be told of the values of a table. Raises NotFound."""
    dataset = context.store.datasets.get(dataset_id)
    decided = context.store.sharing.get(dataset_id)
    columns = tuple(
        _judged(column, decided) for column in context.store.datasets.stats(dataset_id) if _has_values(column)
    )
    return SharedColumns(dataset_id, decided.ordinary, _may_change(context, dataset), columns, decided.changed_at)


def shared_columns(context: Context, dataset_id: str) -> frozenset[str]:
    """The names of the columns whose values may be told. Raises NotFound."""
    return frozenset(column.name for column in sharing(context, dataset_id).columns if column.shared)


def look_before_sending(context: Context, dataset_id: str, shared: Collection[str]) -> Callable[[], None]:
    """To be called whenever messages that may hold values of these columns are about to leave, which may be minutes
    after they were made: raises WrongState where one of the columns is not shared any more, and NotFound."""

    def look() -> None:
        taken_back = sorted(set(shared) - shared_columns(context, dataset_id)) if shared else []
        if taken_back:
            names = listed([f"“{unquoted(name)}”" for name in taken_back])
            raise WrongState(
                f"Meanwhile somebody has taken back that a model may be told values of {names}. No more was sent.",
                hint="Ask again: the model is then told the rest.",
            )

    return look


def change_sharing(
    context: Context, dataset_id: str, *, ordinary: bool | None = None, columns: Mapping[str, bool] | None = None
) -> SharedColumns:
    """Decide for a table and all its versions; what is not named stays. Raises NotFound, Forbidden for who neither owns
    the data set nor runs the server, InvalidInput for a column that is not there or has no texts."""
    dataset = context.store.datasets.get(dataset_id)
    if not _may_change(context, dataset):
        raise Forbidden(
            "Only the owner of this data set decides what a model is told of its values.",
            hint="Ask them, or whoever runs this server.",
        )
    there = {column.name: column for column in context.store.datasets.stats(dataset_id) if _has_values(column)}
    ticks = {}
    for name, shared in (columns or {}).items():
        if name not in there:
            raise InvalidInput.of_field(
                "columns",
                f"“{name[:60]}” is no column of texts or categories of “{dataset.name}”.",
                hint=did_you_mean(name, list(there)),
            )
        ticks[name] = Tick(shared, looks_personal(there[name]))
    with context.store.transaction():
        for member, owner in context.store.sharing.family(dataset_id).items():
            # What nobody may tell any more is told nowhere; what may be told each owner says of their own.
            is_theirs = Permission.ADMIN in context.caller.may or owner == context.caller.identifier
            known = context.store.sharing.get(member)
            wish = known.ordinary if ordinary is None or (ordinary and not is_theirs) else ordinary
            said = {name: tick for name, tick in ticks.items() if is_theirs or not tick.shared}
            decided = Sharing(wish, {**known.columns, **said}, context.clock(), context.caller.identifier)
            context.store.sharing.keep(member, decided)
    return sharing(context, dataset_id)


def _may_change(context: Context, dataset: Dataset) -> bool:
    caller = context.caller
    is_admin = Permission.ADMIN in caller.may
    return is_admin or (Permission.WRITE in caller.may and caller.identifier == dataset.owner)


def _has_values(column: ColumnStats) -> bool:
    """Of numbers and dates statistics are told, and never values."""
    return column.dtype in ("String", "Boolean") or looks_personal(column) is not None


def _judged(column: ColumnStats, decided: Sharing) -> ShareableColumn:
    personal = looks_personal(column)
    tick = decided.columns.get(column.name)
    # A version may hold something else under the same name.
    if tick is not None and (not tick.shared or tick.personal == personal):
        return ShareableColumn(column.name, tick.shared, personal)
    is_ordinary = personal is None and column.role in (Role.CATEGORICAL, Role.BOOLEAN, Role.CONSTANT)
    return ShareableColumn(column.name, decided.ordinary and is_ordinary, personal)
