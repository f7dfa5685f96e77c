"""LangChain's chat models and embeddings, by its packages for OpenAI and Anthropic."""

from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from tests.clients.frameworks.run import Job, Scenario
from tests.clients.models.scenarios import DATA_URL, PIXEL, QUESTION, RESULTS, SYSTEM, Forecast

ASKED = [SystemMessage(SYSTEM), HumanMessage(QUESTION)]


@tool
def weather(city: str) -> str:
    """Now, in a city."""
    return {"Oslo": RESULTS["call_0"], "Bergen": RESULTS["call_1"]}[city]


def _chat(job: Job, **options: Any) -> ChatOpenAI:
    route = job["route"]
    return ChatOpenAI(
        model=job["model"], base_url=route["openai_url"], api_key=route["openai_key"], max_retries=0, **options
    )


def _responses(job: Job, **options: Any) -> ChatOpenAI:
    return _chat(job, use_responses_api=True, **options)


def _messages(job: Job, **options: Any) -> ChatAnthropic:
    route = job["route"]
    return ChatAnthropic(
        model=job["model"],
        base_url=route["anthropic_url"],
        api_key=route["anthropic_key"],
        max_tokens=5000,
        max_retries=0,
        **options,
    )


async def invoked(model: Any) -> Any:
    answer = model.invoke(ASKED)
    assert SYSTEM in answer.text
    assert QUESTION in answer.text
    return [answer.text, _usage(answer)]


async def streamed(model: Any) -> Any:
    whole = None
    async for chunk in model.astream(ASKED):
        whole = chunk if whole is None else whole + chunk
    assert QUESTION in whole.text
    return whole.text


async def batched(model: Any) -> Any:
    answers = await model.abatch([f"{number} {QUESTION}" for number in range(5)])
    assert all(f"{number} {QUESTION}" in answer.text for number, answer in enumerate(answers))


async def tools(model: Any) -> Any:
    bound = model.bind_tools([weather])
    first = await bound.ainvoke(ASKED)
    assert [call["args"] for call in first.tool_calls] == [{"city": "Oslo"}, {"city": "Bergen"}]
    results = [ToolMessage(await weather.ainvoke(call["args"]), tool_call_id=call["id"]) for call in first.tool_calls]
    last = await bound.ainvoke([*ASKED, first, *results])
    assert all(result in last.text for result in RESULTS.values())
    return [[(call["id"], call["name"]) for call in first.tool_calls], last.text]


async def streamed_tools(model: Any) -> Any:
    whole = None
    async for chunk in model.bind_tools([weather]).astream(ASKED):
        whole = chunk if whole is None else whole + chunk
    assert [call["args"] for call in whole.tool_calls] == [{"city": "Oslo"}, {"city": "Bergen"}]


async def structured(model: Any) -> Any:
    class Report(BaseModel):
        """A forecast."""

        city: str
        degrees: int

    assert model.with_structured_output(Report).invoke(ASKED) == Report(city="Oslo", degrees=-3)
    assert model.with_structured_output(Forecast, method="json_schema").invoke(ASKED) == Forecast(
        city="Oslo", degrees=-3
    )


async def image(model: Any) -> Any:
    parts: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
    ]
    assert DATA_URL in model.invoke([HumanMessage(content=parts)]).text


async def chat_streamed_with_usage(job: Job) -> Any:
    whole = None
    for chunk in _chat(job, stream_usage=True).stream(ASKED):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    return [whole.text, _usage(whole)]


async def messages_thinking(job: Job) -> Any:
    model = _messages(job, thinking={"type": "enabled", "budget_tokens": 2000}).bind_tools([weather])
    first = model.invoke(ASKED)
    assert first.content[0]["type"] == "thinking"
    results = [ToolMessage(RESULTS[call["id"]], tool_call_id=call["id"]) for call in first.tool_calls]
    assert all(result in model.invoke([*ASKED, first, *results]).text for result in RESULTS.values())


async def messages_sampling_is_refused(job: Job) -> Any:
    """LangChain still sends a temperature under the version that has none: the vendor's own refusal arrives."""
    try:
        _messages(job, temperature=0.3).invoke(ASKED)
    except Exception as error:
        return [type(error).__name__, error.body["error"]]  # type: ignore[attr-defined]
    raise AssertionError("it was not refused")


async def embeddings(job: Job) -> Any:
    route = job["route"]
    model = OpenAIEmbeddings(
        model="embed",
        base_url=route["openai_url"],
        api_key=route["openai_key"],
        check_embedding_ctx_length=False,
        max_retries=0,
    )
    assert model.embed_query("tide") == model.embed_documents(["wind", "tide"])[1]
    return await model.aembed_documents(["tide", "wind"])


def _usage(answer: AIMessage) -> list[int]:
    counted = answer.usage_metadata
    assert counted is not None
    return [counted["input_tokens"], counted["input_token_details"]["cache_read"], counted["output_tokens"]]


def _of(make: Any, scenario: Any) -> Scenario:
    return lambda job: scenario(make(job))


EACH = (invoked, streamed, batched, tools, streamed_tools, structured, image)
MAKERS = {"chat": _chat, "responses": _responses, "messages": _messages}
SCENARIOS: dict[str, Scenario] = {
    f"{name}_{scenario.__name__}": _of(make, scenario) for name, make in MAKERS.items() for scenario in EACH
} | {
    scenario.__name__: scenario
    for scenario in (chat_streamed_with_usage, messages_thinking, messages_sampling_is_refused, embeddings)
}
