"""LlamaIndex's OpenAI-compatible model and its OpenAI embeddings."""

from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, MessageRole, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai_like import OpenAILike

from tests.clients.frameworks.run import Job, Scenario
from tests.clients.models.scenarios import DATA_URL, PIXEL, QUESTION, RESULTS, SYSTEM, Forecast

ASKED = [ChatMessage(role=MessageRole.SYSTEM, content=SYSTEM), ChatMessage(role=MessageRole.USER, content=QUESTION)]


def weather(city: str) -> str:
    """Now, in a city."""
    return {"Oslo": RESULTS["call_0"], "Bergen": RESULTS["call_1"]}[city]


TOOL = FunctionTool.from_defaults(weather)


def _model(job: Job, **options: Any) -> OpenAILike:
    return OpenAILike(
        model=job["model"],
        api_base=job["route"]["openai_url"],
        api_key=job["route"]["openai_key"],
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
        **options,
    )


async def completed(job: Job) -> Any:
    text = str(_model(job).complete(QUESTION))
    assert QUESTION in text
    return text


async def chatted(job: Job) -> Any:
    text = _model(job, max_tokens=500).chat(ASKED).message.content
    assert text is not None
    assert SYSTEM in text
    return text


async def streamed(job: Job) -> Any:
    pieces = [piece.delta or "" for piece in _model(job).stream_chat(ASKED)]
    assert QUESTION in "".join(pieces)
    return pieces


async def streamed_async(job: Job) -> Any:
    pieces = [piece.delta or "" async for piece in await _model(job).astream_chat(ASKED)]
    assert QUESTION in "".join(pieces)
    return pieces


async def tools(job: Job) -> Any:
    model = _model(job)
    first = await model.achat_with_tools([TOOL], chat_history=ASKED, allow_parallel_tool_calls=True)
    calls = model.get_tool_calls_from_response(first)
    assert [call.tool_kwargs for call in calls] == [{"city": "Oslo"}, {"city": "Bergen"}]
    results = [
        ChatMessage(
            role=MessageRole.TOOL,
            content=weather(**call.tool_kwargs),
            additional_kwargs={"tool_call_id": call.tool_id},
        )
        for call in calls
    ]
    last = await model.achat([*ASKED, first.message, *results])
    assert all(result in (last.message.content or "") for result in RESULTS.values())
    return [[call.tool_id for call in calls], last.message.content]


async def structured(job: Job) -> Any:
    answer = _model(job).as_structured_llm(Forecast).chat(ASKED)
    assert answer.raw == Forecast(city="Oslo", degrees=-3)


async def image(job: Job) -> Any:
    blocks = [TextBlock(text="What is this?"), ImageBlock(url=DATA_URL)]
    text = _model(job).chat([ChatMessage(role=MessageRole.USER, blocks=blocks)]).message.content
    assert text is not None
    assert PIXEL in text


async def embeddings(job: Job) -> Any:
    model = OpenAIEmbedding(
        model_name="embed", api_base=job["route"]["openai_url"], api_key=job["route"]["openai_key"], max_retries=0
    )
    assert model.get_text_embedding("tide") == (await model.aget_text_embedding_batch(["wind", "tide"]))[1]
    return model.get_text_embedding_batch(["tide", "wind"])


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (completed, chatted, streamed, streamed_async, tools, structured, image, embeddings)
}
