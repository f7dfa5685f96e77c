"""Mail where no SMTP server is set: each message is a file in the data folder, shown on a page and in the log.

It is here, not in a kernel package, because whatever sends mail (accounts today, notices later) must reach it and it
needs no table.
"""

import email
import email.policy
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage as ParsedMessage
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from patchbay.lib.errors import NotFoundError

KEPT = 500
_NAME = re.compile(r"mail_[0-9a-f]{32}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message as it was sent; `id` sorts by time."""

    id: str
    sent_at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str


class OutboxBackend(BaseEmailBackend):
    """Keeps the newest `KEPT` messages in `settings.MAIL_DIR`, readable by the server's user alone."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            name = f"mail_{time.time_ns():016x}{secrets.token_hex(8)}"  # finer than a UUIDv7: names are the order
            _write(folder / f"{name}.eml", message.message().as_bytes())
            _log.info("mail to %s: %s\n%s", ", ".join(message.recipients()), message.subject, message.body)
        for path in sorted(folder.glob("mail_*.eml"), reverse=True)[KEPT:]:
            path.unlink(missing_ok=True)
        return len(email_messages)


def list_messages(limit: int = 50) -> list[OutboxMessage]:
    """Return the newest messages, newest first."""
    return list(_newest(limit))


def get_message(message_id: str) -> OutboxMessage:
    """Return one message; NotFoundError when it is not (or no longer) kept."""
    path = _folder() / f"{message_id}.eml"
    if not _NAME.fullmatch(message_id) or not path.exists():
        raise NotFoundError("There is no such message.")
    return _read(path)


def _newest(limit: int) -> Iterator[OutboxMessage]:
    for path in sorted(_folder().glob("mail_*.eml"), reverse=True)[:limit]:
        yield _read(path)


def _folder() -> Path:
    return Path(settings.MAIL_DIR)


def _write(path: Path, content: bytes) -> None:
    """A reader sees a whole message or none."""
    fresh = path.with_suffix(".tmp")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.rename(path)


def _read(path: Path) -> OutboxMessage:
    parsed = email.message_from_bytes(path.read_bytes(), _class=ParsedMessage, policy=email.policy.default)
    body = parsed.get_body(("plain", "html"))
    return OutboxMessage(
        id=path.stem,
        sent_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        sender=str(parsed["From"]),
        recipients=tuple(part.strip() for part in str(parsed["To"]).split(",")),
        subject=str(parsed["Subject"]),
        body=body.get_content() if body else "",
    )
