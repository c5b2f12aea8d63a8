"""README.md names every command, option and setting, with the default that it really has."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.cli import build_parser
from flowml.services.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE_ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line[:1] == "|"]


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


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


@pytest.mark.parametrize(("name", "parser"), list(commands()))
def test_each_command_is_in_the_table_with_its_options(name: str, parser: argparse.ArgumentParser) -> None:
    row = next((row for row in TABLE_ROWS if row[0].startswith(f"`flowml {name}")), None)
    assert row, f"README.md has no row for `flowml {name}`"
    text = " ".join(row)
    for action in parser._actions:
        longest = max(action.option_strings, key=len, default=None)
        if longest and longest not in ("--help", "--debug"):
            assert longest in text, f"README.md does not name {longest} of `flowml {name}`"


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if not target.startswith(("http://", "https://", "#")):
                assert (ROOT / target).exists(), f"{document} links to {target}, which is not there"


def test_each_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) - {"and"} <= targets
