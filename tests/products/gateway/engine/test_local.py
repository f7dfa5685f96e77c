"""Models of this process: a refusal comes before the first event, so that a door can still say it as a status."""

import pytest

from patchbay.kernel.ledger.errors import InsufficientCreditsError, insufficient
from patchbay.products.gateway.engine.contracts import Delta, Finish, LocalStream
from patchbay.products.gateway.engine.local import Frame, LocalAnswer


async def refuses() -> LocalStream:
    raise insufficient(10, 5)
    yield Finish()


async def answers() -> LocalStream:
    yield Delta("Thirty ")
    yield Delta("days.")
    yield Finish()


async def test_a_model_that_refuses_gives_no_event_first() -> None:
    answer = LocalAnswer(refuses(), Frame("plug/terms"), b'{"messages":[]}', stream=True)
    with pytest.raises(InsufficientCreditsError):
        await answer.chunk()


async def test_a_stream_opens_with_its_role_and_ends_with_the_last_word() -> None:
    answer = LocalAnswer(answers(), Frame("plug/terms"), b'{"messages":[]}', stream=True)
    events = []
    while (event := await answer.chunk()) is not None:
        events.append(event)
    assert b'"role":"assistant"' in events[0]
    assert [b"Thirty" in events[1], b"days." in events[2]] == [True, True]
    assert events[-1] == b"data: [DONE]\n\n"
