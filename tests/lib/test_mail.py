"""Mail without a server: kept as files, the newest first, bounded."""

from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection, send_mail
from pytest_django import Settings

from patchbay.lib import mail
from patchbay.lib.errors import NotFoundError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.MAIL_DIR = tmp_path / "mail"
    return tmp_path / "mail"


def send(subject: str) -> None:
    send_mail(subject, "Grüße\nhttp://localhost/x", None, ["mara@example.com", "b@example.com"], connection=outbox())


def outbox() -> mail.OutboxBackend:
    backend = get_connection("patchbay.lib.mail.OutboxBackend")
    assert isinstance(backend, mail.OutboxBackend)
    return backend


def test_a_message_is_kept_as_it_was_sent(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert mail.list_messages() == []
    with caplog.at_level("INFO"):
        send("Erste – «ü»")
        send("Second")
    second, first = mail.list_messages()
    assert (first.subject, first.body.strip()) == ("Erste – «ü»", "Grüße\nhttp://localhost/x")
    assert first.recipients == ("mara@example.com", "b@example.com")
    assert (second.subject, mail.get_message(second.id)) == ("Second", second)
    assert "http://localhost/x" in caplog.text
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_message_with_two_bodies_shows_the_plain_one() -> None:
    message = EmailMultiAlternatives("Both", "plain", to=["m@example.com"], connection=outbox())
    message.attach_alternative("<b>rich</b>", "text/html")
    message.send()
    assert mail.list_messages()[0].body.strip() == "plain"


def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "KEPT", 3)
    for number in range(5):
        send(str(number))
    assert [message.subject for message in mail.list_messages()] == ["4", "3", "2"]


@pytest.mark.parametrize("name", ["mail_" + "0" * 32, "../secret-key", "mail_x"])
def test_what_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError):
        mail.get_message(name)
