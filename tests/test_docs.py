"""README.md names every command, option and setting, with the default that it really has; docs/data.md every format,
operation and function."""

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.cli import build_parser
from flowml.data.formats.registry import all_formats
from flowml.data.recipes.expression.functions import NAMES
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain.access.caller import TokenKind
from flowml.domain.remarks import Remark, RemarkSeverity
from flowml.services.settings import Settings
from flowml.web import pages
from flowml.web.routes import open_paths

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ACCESS = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
DATA = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
TABLE_ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line[:1] == "|"]


def commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that does something, by all its words."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for name, command in action.choices.items():
            yield from commands(command, f"{before} {name}".strip())
    if not below:
        yield before, parser


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_each_setting_is_in_the_table_with_its_default(name: str) -> None:
    row = next((row for row in TABLE_ROWS if row[0] == f"`FLOWML_{name.upper()}`"), None)
    assert row, f"README.md has no row for FLOWML_{name.upper()}"
    default = Settings.model_fields[name].default
    # A default of None, or one that is worked out, is said in words.
    if isinstance(default, int | float | str):
        assert row[1] == f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_the_settings_table_names_no_other() -> None:
    named = set(re.findall(r"`FLOWML_([A-Z_]+)`", "\n".join(row[0] for row in TABLE_ROWS)))
    assert named == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(("name", "parser"), list(commands(build_parser())))
def test_each_command_is_in_the_table_with_its_options(name: str, parser: argparse.ArgumentParser) -> None:
    row = next((row for row in TABLE_ROWS if row[0].startswith(f"`flowml {name}")), None)
    assert row, f"README.md has no row for `flowml {name}`"
    text = " ".join(row)
    for action in parser._actions:
        longest = max(action.option_strings, key=len, default=None)
        if longest and longest not in ("--help", "--debug"):
            assert longest in text, f"README.md does not name {longest} of `flowml {name}`"


def test_the_page_on_data_names_every_format_with_its_extensions_and_options() -> None:
    for format in all_formats():
        row = next((line for line in DATA.splitlines() if line.startswith(f"| `{format.name}`:")), None)
        assert row, f"docs/data.md has no row for {format.name}"
        for word in (*format.extensions, *(f"`{option.name}`" for option in format.options)):
            assert word in row, f"docs/data.md does not name {word} of {format.name}"


def test_the_page_on_data_names_every_operation_with_its_fields_and_every_function() -> None:
    for operation in OPERATIONS.values():
        row = next((line for line in DATA.splitlines() if line.startswith(f"| `{operation.name}` |")), None)
        assert row, f"docs/data.md has no row for {operation.name}"
        for field in operation.fields:
            assert f"`{field.name}`" in row, f"docs/data.md does not name {field.name} of {operation.name}"
            assert all(f"`{choice}`" in row for choice in field.choices)
    for name in NAMES:
        assert f"`{name}(" in DATA, f"docs/data.md does not name the function {name}"


def test_the_page_on_data_names_every_remark_with_its_severity() -> None:
    # From rows of that version alone (`Remark.of_record`).
    made: dict[str, set[str]] = {"uncoded": {str(Remark.of_record("…").severity)}}
    for file in (ROOT / "flowml").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(code := node.args[0], ast.Constant):
                # loss("code", …), or (note if proved else decision)("code", …).
                choices = [node.func.body, node.func.orelse] if isinstance(node.func, ast.IfExp) else [node.func]
                named = {choice.id for choice in choices if isinstance(choice, ast.Name)} & set(RemarkSeverity)
                if named:
                    made.setdefault(code.value, set()).update(named)
    section = DATA.partition("## What is remarked")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    assert {code.strip("`"): set(severities.split(", ")) for code, severities, _ in rows} == made
    assert all(re.fullmatch(r"[a-z_]+", code) for code in made)


def test_the_page_on_access_names_every_kind_of_token_and_every_open_address() -> None:
    assert all(f"| `{kind}` |" in ACCESS for kind in TokenKind)
    open_ones = {path for path in open_paths(pages.ENDPOINTS) if not path.startswith("/static/")}
    assert open_ones and all(f"`{path}`" in ACCESS for path in open_ones)


def test_links_of_the_documents_lead_somewhere() -> None:
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        document = path.relative_to(ROOT).as_posix()
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if not target.startswith(("http://", "https://", "#")):
                assert (ROOT / document).parent.joinpath(target).exists(), (
                    f"{document} links to {target}, which is not there"
                )


def test_each_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) - {"and"} <= targets


def test_the_architecture_names_what_there_is() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|md))?)`", text))
    assert len(named) > 30
    missing = [name for name in sorted(named) if not any((base / name).exists() for base in (ROOT, ROOT / "flowml"))]
    nested = [name for name in missing if not list((ROOT / "flowml").glob(f"*/{name}"))]
    assert not nested, f"ARCHITECTURE.md speaks of {nested}"
