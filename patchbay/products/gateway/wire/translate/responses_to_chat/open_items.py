"""The items of a response while they are being written: which events begin, carry on and end each of them."""

from abc import ABC, abstractmethod
from typing import Protocol

from patchbay.products.gateway.wire.contracts import Body
from patchbay.products.gateway.wire.translate.responses_to_chat.answer import (
    Names,
    call_item,
    message_item,
    reasoning_item,
    refusal_part,
    summary_part,
    text_part,
)

Events = list[tuple[str, Body]]


class OpenItem(Protocol):
    """One item under way; `item` is how it stands in the output once it has ended."""

    def begin(self) -> Events: ...

    def go_on(self, text: str) -> Events: ...

    def end(self) -> Events: ...

    def item(self) -> Body: ...


class _Message(ABC):
    """A message of one part; its kinds differ in the part and in what its events are called."""

    event: str
    field: str

    def __init__(self, names: Names, output_index: int) -> None:
        self._name = names.next("msg")
        self._output_index = output_index
        self._at = {"item_id": self._name, "output_index": output_index, "content_index": 0}
        self._pieces: list[str] = []

    @abstractmethod
    def part(self, text: str) -> Body: ...

    def extra(self) -> Body:
        return {}

    def begin(self) -> Events:
        item = message_item(self._name, [], "in_progress")
        return [
            ("response.output_item.added", {"output_index": self._output_index, "item": item}),
            ("response.content_part.added", {**self._at, "part": self.part("")}),
        ]

    def go_on(self, text: str) -> Events:
        self._pieces.append(text)
        return [(f"response.{self.event}.delta", {**self._at, "delta": text, **self.extra()})]

    def end(self) -> Events:
        text = "".join(self._pieces)
        return [
            (f"response.{self.event}.done", {**self._at, self.field: text, **self.extra()}),
            ("response.content_part.done", {**self._at, "part": self.part(text)}),
            ("response.output_item.done", {"output_index": self._output_index, "item": self.item()}),
        ]

    def item(self) -> Body:
        return message_item(self._name, [self.part("".join(self._pieces))])


class OpenText(_Message):
    event, field = "output_text", "text"

    def part(self, text: str) -> Body:
        return text_part(text)

    def extra(self) -> Body:
        return {"logprobs": []}


class OpenRefusal(_Message):
    event, field = "refusal", "refusal"

    def part(self, text: str) -> Body:
        return refusal_part(text)


class OpenCall:
    """A function call."""

    def __init__(self, names: Names, output_index: int, call_id: str | None, function: str) -> None:
        self._name = names.next("fc")
        self._output_index = output_index
        self._call_id = call_id or self._name
        self._function = function
        self._at = {"item_id": self._name, "output_index": output_index}
        self._pieces: list[str] = []

    def begin(self) -> Events:
        item = call_item(self._name, self._call_id, self._function, "", "in_progress")
        return [("response.output_item.added", {"output_index": self._output_index, "item": item})]

    def go_on(self, text: str) -> Events:
        self._pieces.append(text)
        return [("response.function_call_arguments.delta", {**self._at, "delta": text})]

    def end(self) -> Events:
        done = {**self._at, "name": self._function, "arguments": "".join(self._pieces)}
        return [
            ("response.function_call_arguments.done", done),
            ("response.output_item.done", {"output_index": self._output_index, "item": self.item()}),
        ]

    def item(self) -> Body:
        return call_item(self._name, self._call_id, self._function, "".join(self._pieces))


class OpenReasoning:
    """Thought: its text is a summary of one part, which begins with its first words; `blocks` are signed."""

    def __init__(self, names: Names, output_index: int) -> None:
        self._name = names.next("rs")
        self._output_index = output_index
        self._at = {"item_id": self._name, "output_index": output_index, "summary_index": 0}
        self._pieces: list[str] = []
        self.blocks: list[Body] = []

    def begin(self) -> Events:
        item = reasoning_item(self._name, "", [])
        return [("response.output_item.added", {"output_index": self._output_index, "item": item})]

    def go_on(self, text: str) -> Events:
        events: Events = []
        if not self._pieces:
            events.append(("response.reasoning_summary_part.added", {**self._at, "part": summary_part("")}))
        self._pieces.append(text)
        return [*events, ("response.reasoning_summary_text.delta", {**self._at, "delta": text})]

    def end(self) -> Events:
        text = "".join(self._pieces)
        events: Events = []
        if text:
            events.append(("response.reasoning_summary_text.done", {**self._at, "text": text}))
            events.append(("response.reasoning_summary_part.done", {**self._at, "part": summary_part(text)}))
        return [*events, ("response.output_item.done", {"output_index": self._output_index, "item": self.item()})]

    def item(self) -> Body:
        return reasoning_item(self._name, "".join(self._pieces), self.blocks)
