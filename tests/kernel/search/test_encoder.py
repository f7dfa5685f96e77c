"""The local encoder gives the original's vectors, whatever stands beside a text in its batch."""

import json
from pathlib import Path

import numpy as np
import pytest

from patchbay.kernel.search import embedder
from patchbay.kernel.search.contracts import WordEmbedder
from patchbay.kernel.search.engine import bert, encoder, weights

CASES = json.loads((Path(__file__).parent / "fixtures" / "minilm.json").read_text())["cases"]


@pytest.fixture(scope="module")
def model() -> WordEmbedder:
    found = embedder.get_word_embedder()
    assert found is not None
    return found


def test_vectors_equal_the_original_model(model: WordEmbedder) -> None:
    vectors = model.embed([case["text"] for case in CASES])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [case["vector"] for case in CASES], atol=1e-5)


def test_a_text_alone_has_the_same_vector_as_in_a_batch(model: WordEmbedder) -> None:
    text = CASES[0]["text"]
    alone, together = model.embed([text])[0], model.embed([text, "short", "word " * 300, *["filler text"] * 90])[0]
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_a_paraphrase_is_nearer_than_another_subject(model: WordEmbedder) -> None:
    question, near, far = model.embed(
        ["How long before I can quit the contract?", "Notice of termination is ninety days.", "Torque is 40 N·m."]
    )
    assert question @ near > question @ far + 0.1


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800 lone", "🦜" * 400, "a" * 10_000])
def test_any_text_has_a_finite_unit_vector(model: WordEmbedder, text: str) -> None:
    (vector,) = model.embed([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_vectors(model: WordEmbedder) -> None:
    assert model.embed([]).shape == (0, 384)
    assert model.embed_tokens([]) == []


def test_words_carry_their_place_in_the_text_and_a_unit_vector(model: WordEmbedder) -> None:
    text = "Größe: unbelievableness of the bank"
    (words,) = model.embed_tokens([text])
    assert words.words == ("Größe", ":", "unbelievableness", "of", "the", "bank")
    assert [text[start:end] for start, end in words.offsets] == list(words.words)
    np.testing.assert_allclose(np.linalg.norm(words.vectors, axis=1), 1, atol=1e-5)


def test_a_word_vector_depends_on_its_context(model: WordEmbedder) -> None:
    river, sand, money = model.embed_tokens(["the river bank", "the sandy bank", "the savings bank"])
    assert river.vectors[-1] @ sand.vectors[-1] > river.vectors[-1] @ money.vectors[-1]


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(ValueError, match=r"model\.safetensors .* is not the released file"):
        encoder.MiniLM(tmp_path)


def test_weights_are_views_of_the_mapped_file() -> None:
    folder = weights.find_model()
    assert folder is not None
    tensors = bert.map_weights(folder / "model.safetensors")
    assert not any(tensor.flags.writeable or tensor.flags.owndata for tensor in tensors.values())


def test_without_the_model_package_there_is_no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    monkeypatch.setattr(embedder, "_local", None)
    assert embedder.get_embedder() is None
    assert not embedder.has_embedder()


def test_whether_there_is_an_embedder_is_told_without_loading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedder, "_local", None)
    assert embedder.has_embedder()
    assert embedder._local is None
    embedder.set_provider(lambda: None)
    try:
        assert not embedder.has_embedder()
    finally:
        embedder.set_provider(None)


def test_a_registered_provider_comes_first(model: WordEmbedder) -> None:
    embedder.set_provider(lambda: None)
    try:
        assert embedder.get_embedder() is None
    finally:
        embedder.set_provider(None)
    assert embedder.get_embedder() is model
