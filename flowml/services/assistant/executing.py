"""Code on a table: checked, run on a copy in a confined child, shown, and only what was shown and approved becomes a
version. It needs no language model: what one has written and what a person has typed go the same way."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from flowml.assistant.code.checker import check
from flowml.assistant.code.source import LONGEST as LONGEST_CODE
from flowml.assistant.code.source import Refusal, Refused
from flowml.assistant.code.starting import Held, memory_for, run_code
from flowml.assistant.model import NoAssistant
from flowml.data.child import ingested
from flowml.domain.datasets import Dataset
from flowml.domain.errors import FieldProblem, InvalidInput, NotFound, NotReady, WrongState
from flowml.domain.recipes import CodePreview, Confinement
from flowml.domain.stored import hash_file, reading
from flowml.machine.confinement.confining import available
from flowml.machine.facts import memory_bytes
from flowml.services import versions
from flowml.services.assistant.choosing import language_model
from flowml.services.assistant.previewed import LASTS_SECONDS, SHELF, Key, Previewed, Several
from flowml.services.context import Context
from flowml.services.tables import MEMORY_SHARE, Workplace, room_left, run_task, workplace
from flowml.services.turns import CHILDREN

__all__ = ["LONGEST_CODE", "apply_code", "confinement", "need_model", "preview_code"]

_MODULE = "flowml.assistant.code.tasks"
_SHOWN = 30


def confinement() -> Confinement:
    """What code runs under on this machine."""
    found = available()
    return Confinement(found.is_whole, found.missing)


def need_model(context: Context, dataset_id: str) -> None:
    """Raises NotFound for no data set; NoAssistant where no language model answers, and says where code is taken
    without one."""
    context.store.datasets.get(dataset_id)
    try:
        language_model(context)
    except NoAssistant as problem:
        own = f"POST /api/datasets/{dataset_id[:64]}/code takes code without one."
        raise NoAssistant(problem.detail, hint=f"{problem.hint} {own}" if problem.hint else own) from None


def preview_code(context: Context, dataset_id: str, code: str) -> CodePreview:
    """What the code would change. Raises NotFound; InvalidInput, naming `code.LINE.COLUMN` for each thing that is not
    allowed, or `code.LINE` where it fails; TooLarge and NotReady as other tasks on tables do."""
    dataset = context.store.datasets.get(dataset_id)
    _check(code)
    with workplace(context) as place:
        held = _run(context, dataset, code, place)
        request = {
            "table": str(context.store.files.path(dataset.table)),
            "result": str(place.scratch / "result"),
            "target": str(place.result),
        }
        found = run_task(context, "compare", request, module=_MODULE)
        preview_id = _sha256(dataset.table, code, found["sha256"])[:32]
        # It waits there for half an hour.
        context.store.room.check()
        kept = place.result.rename(context.store.files.new_temp())
        now = context.steady()
        shown = Previewed(
            preview_id,
            kept,
            found["sha256"],
            kept.stat().st_size,
            now + LASTS_SECONDS,
            found["remarks"],
        )
        SHELF.put(_key(context, dataset, code), shown, now)
    difference = versions.preview_of(found["difference"])
    return CodePreview(
        **vars(difference),
        preview_id=preview_id,
        code=code,
        first=versions.sample_of(found["first"]),
        expires_in_seconds=LASTS_SECONDS,
        confinement=Confinement(held.is_whole, held.missing),
    )


def apply_code(
    context: Context, dataset_id: str, code: str, *, preview_id: str | None = None, name: str | None = None
) -> Dataset:
    """The new version that was shown. Whoever approves it again gets the same one. Raises NotFound, NotReady,
    and WrongState where this caller was not shown what this code makes of this table, where `preview_id` names another
    result, or where it is not given and this caller was shown several."""
    parent = context.store.datasets.get(dataset_id)
    _check(code)
    key, now = _key(context, parent, code), context.steady()
    try:
        with SHELF.hold(key, preview_id, now) as found:
            if found is None:
                raise _nothing_to_approve(SHELF.knows(key, now))
            with found.lock:
                if found.made is not None and (made := _still_there(context, found.made)) is not None:
                    return made
                dataset = _store(context, parent, code, found, name)
                found.made = dataset.id
            return dataset
    except Several:
        raise WrongState(
            "This code has made different results of this table, as it does where chance or the order of rows decides:"
            " which of them is approved is not said.",
            hint="Say it by “preview_id”, as the preview answers it.",
        ) from None


def _nothing_to_approve(has_others: bool) -> WrongState:
    if has_others:
        return WrongState(
            "The preview that you approve is not one of those that were made of this code on this table.",
            hint="Look at the preview again and approve what it shows.",
        )
    return WrongState(
        "There is no preview of this code on this table that could be approved: none was made, or it was longer"
        f" ago than {LASTS_SECONDS / 60:g} minutes, or many others were made since, or the server has started anew.",
        hint="Look at the preview (“approved”: false) and approve what it shows.",
    )


def _store(context: Context, parent: Dataset, code: str, found: Previewed, name: str | None) -> Dataset:
    if not found.path.is_file() or hash_file(found.path) != found.sha256:
        raise WrongState("What the preview has shown is no longer there.", hint="Look at the preview again.")
    request = {"made": str(found.path), "remarks": list(found.remarks)}
    answer = run_task(context, "describe", request, module=_MODULE)
    with workplace(context) as place:
        # Whoever takes the version away and approves again finds the result still here.
        _copy(found.path, place.result)
        return versions.store_version(
            context,
            parent,
            place.result,
            ingested(answer),
            name=name,
            # Its rows cannot be made of those of the file by operations: what is done from here on starts from it.
            recipe=(),
            root_table=None,
            code=code,
            how_read=replace(parent.how_read, notations={}),
        )


def _copy(found: Path, place: Path) -> None:
    try:
        place.hardlink_to(found)
    except OSError:
        # Not every file system has links.
        try:
            shutil.copyfile(found, place)
        except OSError as error:
            raise NotReady(
                "The table could not be stored on the server.", hint="Its disk may be full; remove what is not needed."
            ) from error


def _still_there(context: Context, dataset_id: str) -> Dataset | None:
    try:
        return context.store.datasets.get(dataset_id)
    except NotFound:
        return None


def _run(context: Context, dataset: Dataset, code: str, place: Workplace) -> Held:
    table = context.store.files.path(dataset.table)
    settings = context.settings
    with CHILDREN.turn(context.left, context.turns), reading(table, dataset.table):
        return run_code(
            code,
            table,
            place.scratch / "result",
            max_rows=settings.max_rows,
            max_columns=settings.max_columns,
            most_bytes=memory_for(table, int(memory_bytes() * MEMORY_SHARE)),
            most_file_bytes=context.store.room.left(),
            look=room_left(context) or context.store.room.check,
            cancelled=context.left,
        )


def _check(code: str) -> None:
    try:
        check(code)
    except Refused as refused:
        raise _words(refused.refusals) from None


def _words(refusals: tuple[Refusal, ...]) -> InvalidInput:
    first = refusals[0].sentence
    detail = first if len(refusals) == 1 else f"{len(refusals)} things in the code are not allowed. {first}"
    return InvalidInput(
        detail,
        hint="Change what is named, and look at the preview again. Nothing was run.",
        fields=tuple(
            FieldProblem(f"code.{one.line}.{one.column}", f"{one.what} {one.instead}".strip())
            for one in refusals[:_SHOWN]
        ),
    )


def _key(context: Context, dataset: Dataset, code: str) -> Key:
    return (
        context.caller.identifier,
        str(context.store.files.new_temp().parent),
        f"{dataset.id}:{dataset.table}",
        _sha256(code),
    )


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
