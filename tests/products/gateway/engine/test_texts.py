"""The text of a chat stream, for whoever asks a model from this process."""

from patchbay.products.gateway.engine.texts import Texts
from tests.fakes.provider import DONE, event


def said(*deltas: object) -> list[str]:
    choices = [{"index": 0, "delta": {"content": delta}, "finish_reason": None} for delta in deltas]
    return list(Texts().read(b"".join(event(choices=[choice]) for choice in choices) + DONE))


def test_texts_come_as_they_were_written() -> None:
    assert said("Hé", None, "", "llo") == ["Hé", "llo"]


def test_texts_are_read_whatever_ends_their_lines() -> None:
    stream = event("Hé") + event("llo") + DONE
    for end in (b"\r\n", b"\r"):
        assert list(Texts().read(stream.replace(b"\n", end))) == ["Hé", "llo"]


def test_of_a_list_of_parts_the_texts_come_without_the_thoughts() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert said([thought], [thought, {"type": "text", "text": "so"}], "!") == ["so", "!"]


def test_a_stream_that_the_limit_ended_is_cut() -> None:
    texts = Texts()
    assert list(texts.read(event("a", finish="length"))) == ["a"]
    assert texts.cut
