"""Settings come from the environment; a wrong one says what would be right."""

import pytest

from patchbay.config import settings
from patchbay.config.environment import SettingError, whole_number
from patchbay.config.logging import _redact


def test_without_a_url_the_database_is_sqlite_in_the_data_folder() -> None:
    database = settings._database("")
    assert database["ENGINE"].endswith("sqlite3")
    assert str(database["NAME"]).startswith(str(settings.DATA_DIR))


def test_a_postgresql_url_is_read_whole() -> None:
    database = settings._database("postgresql://ann:p%40ss@db.example:5433/credits?sslmode=require")
    assert (database["USER"], database["PASSWORD"], database["HOST"], database["PORT"], database["NAME"]) == (
        "ann",
        "p@ss",
        "db.example",
        5433,
        "credits",
    )
    assert database["OPTIONS"]["sslmode"] == "require"


def test_an_unknown_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="PATCHBAY_DATABASE_URL"):
        settings._database("oracle://somewhere/x")


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "8e3", "८०"])
def test_a_number_that_is_none_is_refused_by_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHBAY_PORT", text)
    with pytest.raises(SettingError, match=r"PATCHBAY_PORT: .* is not a number from 1 to 65,535"):
        whole_number("PATCHBAY_PORT", 8000, low=1, high=65535)
    monkeypatch.setenv("PATCHBAY_PORT", "65535")
    assert whole_number("PATCHBAY_PORT", 8000, low=1, high=65535) == 65535


def test_a_commit_on_sqlite_survives_a_power_cut() -> None:
    commands = settings._database("")["OPTIONS"]["init_command"]
    assert "synchronous=FULL" in commands
    assert "wal_autocheckpoint=0" in commands


def test_logs_never_show_a_key() -> None:
    secret = "sme_live_" + "0123456789abcdef" * 2
    event = _redact(None, "info", {"event": f"refused {secret}", "detail": "sk-abcd1234567890abcdef"})
    assert secret not in str(event)
    assert "1234567890abcdef" not in str(event)
