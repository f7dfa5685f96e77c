"""Uploading documents and following them until they are ready."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from smeplug import ConfigurationError, DocumentTimeoutError, NotFoundError

from tests.fakes.patchbay_api import Drop, Fail, FakePatchbay

CONTENT = bytes(range(256)) * 1024  # 256 KiB: several chunks, and every byte value


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "contract.pdf"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("make", [str, Path])
def test_a_path_is_sent_under_its_name(plug: Any, fake: FakePatchbay, contract: Path, make: Any) -> None:
    document = plug.documents.upload(make(contract))
    assert fake.files[document.id] == ("contract.pdf", CONTENT)
    assert (document.status, document.plugin_id, document.finished) == ("processing", "legal-v1", False)
    assert fake.requests[0].path == "/v1/plugs/legal-v1/documents"
    assert b"Content-Type: application/pdf\r\n" in fake.requests[0].body[:300]


def test_an_open_file_is_sent_from_where_it_stands_and_left_open(plug: Any, fake: FakePatchbay, contract: Path) -> None:
    with contract.open("rb") as file:
        file.seek(1000)
        document = plug.documents.upload(file, filename="part.pdf")
        assert not file.closed
    assert fake.files[document.id] == ("part.pdf", CONTENT[1000:])


@pytest.mark.parametrize("make", [bytes, bytearray])
def test_bytes_are_sent_under_the_name_that_is_given(plug: Any, fake: FakePatchbay, make: Any) -> None:
    fake.fail_next(Fail(503))
    document = plug.documents.upload(make(CONTENT), filename="contract.pdf")
    assert fake.files == {document.id: ("contract.pdf", CONTENT)}


def test_a_retried_upload_sends_the_same_bytes_and_makes_one_document(
    plug: Any, fake: FakePatchbay, contract: Path
) -> None:
    fake.fail_next(Fail(503), Drop(after=True))
    with contract.open("rb") as file:
        file.seek(7)
        document = plug.documents.upload(file)
    assert fake.files == {document.id: ("contract.pdf", CONTENT[7:])}
    assert len({seen.body for seen in fake.requests}) == 1
    assert len({seen.headers["idempotency-key"] for seen in fake.requests}) == 1
    assert len(fake.requests) == 3


def test_a_pipe_can_be_sent_and_retried(plug: Any, fake: FakePatchbay) -> None:
    fake.fail_next(Fail(503))
    reader, writer = os.pipe()
    os.write(writer, b"# Terms")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        document = plug.documents.upload(pipe, filename="terms.md")
    assert fake.files[document.id] == ("terms.md", b"# Terms")


def test_a_name_cannot_break_out_of_its_header(plug: Any, fake: FakePatchbay) -> None:
    plug.documents.upload(io.BytesIO(b"x"), filename='a"\r\nX-Evil: 1\r\nключ.pdf')
    assert 'filename="a%22%0D%0AX-Evil: 1%0D%0Aключ.pdf"\r\n'.encode() in fake.requests[0].body


def test_what_cannot_be_sent_is_refused_before_the_server_is_asked(
    plug: Any, fake: FakePatchbay, contract: Path, tmp_path: Path
) -> None:
    for nameless in (io.BytesIO(b"x"), b"x"):
        with pytest.raises(ValueError, match="pass filename"):
            plug.documents.upload(nameless)
    with pytest.raises(TypeError, match="not int"):
        plug.documents.upload(5, filename="five.txt")
    with contract.open(encoding="latin-1") as text, pytest.raises(TypeError, match="binary mode"):
        plug.documents.upload(text)
    with pytest.raises(FileNotFoundError):
        plug.documents.upload(tmp_path / "absent.pdf")
    assert fake.requests == []


def test_waiting_ends_when_the_document_is_ready(plug: Any, fake: FakePatchbay, slept: list[float]) -> None:
    fake.looks_until_ready = 4
    sent = plug.documents.upload(io.BytesIO(b"# Terms"), filename="terms.md")
    ready = plug.documents.wait(sent, timeout=30)
    assert (ready.status, ready.pages, ready.chunks, ready.version, ready.semantic) == ("ready", 1, 2, 1, True)
    assert slept == pytest.approx([0.2, 0.3, 0.45])


def test_waiting_ends_with_the_reason_when_the_document_is_bad(plug: Any) -> None:
    sent = plug.documents.upload(io.BytesIO(b""), filename="empty.pdf")
    bad = plug.documents.wait(sent.id)
    assert (bad.status, bad.error) == ("error", "the file is empty")


def test_waiting_ends_when_time_is_up(plug: Any, fake: FakePatchbay) -> None:
    fake.looks_until_ready = 10
    sent = plug.documents.upload(io.BytesIO(b"# Terms"), filename="terms.md")
    with pytest.raises(DocumentTimeoutError, match=f"{sent.id} is still processing after 0 s") as caught:
        plug.documents.wait(sent, timeout=0)
    assert caught.value.document.id == sent.id


def test_a_document_is_awaited_at_the_plug_it_was_sent_to(plug: Any, fake: FakePatchbay) -> None:
    sent = plug.documents.upload(io.BytesIO(b"x"), filename="x.md", plugin_id="other")
    plug.documents.wait(sent)
    assert {seen.path.split("/")[3] for seen in fake.requests} == {"other"}


def test_documents_are_listed_and_deleted(plug: Any) -> None:
    sent = plug.documents.upload(io.BytesIO(b"x"), filename="x.md")
    assert [each.id for each in plug.documents.list()] == [sent.id]
    assert plug.documents.delete(sent.id) is None
    with pytest.raises(NotFoundError):
        plug.documents.get(sent.id)


def test_without_a_plug_the_client_asks_which(connect: Any, fake: FakePatchbay) -> None:
    with pytest.raises(ConfigurationError, match="which plug"):
        connect().documents.get("doc_1")
    assert fake.requests == []
