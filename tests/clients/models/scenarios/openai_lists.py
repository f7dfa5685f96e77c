"""Embeddings by the official OpenAI client."""

from openai import OpenAI

from tests.clients.models.scenarios import QUESTION, Seen, dump
from tests.fakes.vendors.openai_lists import vector


def embedding_by_default(client: OpenAI, model: str) -> Seen:
    answer = client.embeddings.create(model=model, input=QUESTION)
    assert answer.data[0].embedding == vector(QUESTION)
    return Seen(None, dump(answer))


def embeddings_as_floats(client: OpenAI, model: str) -> Seen:
    answer = client.embeddings.create(model=model, input=["tide", "wind"], encoding_format="float", dimensions=2)
    assert [entry.embedding for entry in answer.data] == [vector("tide", 2), vector("wind", 2)]
    return Seen(None, dump(answer))


def embeddings_as_base64(client: OpenAI, model: str) -> Seen:
    answer = client.embeddings.create(model=model, input=["tide", "wind"], encoding_format="base64")
    assert all(isinstance(entry.embedding, str) for entry in answer.data)
    return Seen(None, dump(answer))


def embeddings_of_tokens(client: OpenAI, model: str) -> Seen:
    answer = client.embeddings.create(model=model, input=[[15339, 1917], [3923]])
    assert [entry.embedding for entry in answer.data] == [vector([15339, 1917]), vector([3923])]
    return Seen(None, dump(answer))


ALL = [embedding_by_default, embeddings_as_floats, embeddings_as_base64, embeddings_of_tokens]
