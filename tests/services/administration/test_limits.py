"""Every setting says where it comes from, and none says a secret."""

from pathlib import Path

import pytest

from flowml.services.administration.limits import Setting, limits, machine, settings
from flowml.services.context import Context
from flowml.services.settings import Origin, Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Setting]:
    monkeypatch.setenv("FLOWML_MAX_UPLOAD_MB", "1500")
    monkeypatch.setenv("FLOWML_PORT", "9000")
    monkeypatch.setenv("FLOWML_OLLAMA_URL", "http://me:hidden@host:11434")
    monkeypatch.setenv("FLOWML_ALLOWED_HOSTS", "a.example, https://b.example")
    context = Context(Settings(home=tmp_path, port=8123), Store(tmp_path), lambda: 1.0, QuietTrainers())
    assert any("Version" in fact.title for fact in machine(context))
    return {setting.name: setting for setting in settings(context)}


def test_it_is_said_where_each_is_from(found: dict[str, Setting]) -> None:
    assert set(found) == set(Settings.model_fields)
    assert (found["port"].origin, found["port"].value) == (Origin.ARGUMENT, 8123)
    assert (found["max_upload_mb"].origin, found["max_upload_mb"].shown) == (Origin.ENVIRONMENT, "1.5 GB")
    assert (found["max_rows"].origin, found["max_rows"].variable) == (Origin.DEFAULT, "FLOWML_MAX_ROWS")
    assert found["allowed_hosts"].shown == "a.example, https://b.example"
    assert found["trainer_idle_seconds"].shown == "10 minutes"
    assert (found["host"].option, found["max_rows"].option) == ("--host", None)
    assert all(setting.meaning for setting in found.values())


def test_no_password_is_shown(found: dict[str, Setting]) -> None:
    assert found["ollama_url"].shown == "http://…@host:11434"
    assert "hidden" not in str(found)


@pytest.mark.parametrize("address", ["me:hidden@host", "http://me:hid/den@host", "http://me:hid@den@host"])
def test_no_password_is_shown_however_the_address_is_written(address: str, tmp_path: Path) -> None:
    context = Context(Settings(home=tmp_path, ollama_url=address), Store(tmp_path), lambda: 1.0, QuietTrainers())
    shown = next(setting for setting in settings(context) if setting.name == "ollama_url").shown
    assert shown in ("…@host", "http://…@host")
    assert "hid" not in shown and "den" not in shown


def test_what_is_no_setting_is_said_too() -> None:
    shown = {fact.title: fact.shown for fact in limits()}
    assert shown["A silent worker counts as offline"] == "after 90 seconds"
    assert shown["The log keeps"].startswith("the latest 20,000 lines")
