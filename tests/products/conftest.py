"""What tests of products share."""

from collections.abc import Iterator

import pytest

from patchbay.products.plugs.queries.documents import get_stored_text


@pytest.fixture(autouse=True)
def _no_text_of_another_test() -> Iterator[None]:
    """A version's text never changes, so it is kept in memory by its id; test databases use ids again."""
    get_stored_text.cache_clear()
    yield
    get_stored_text.cache_clear()
