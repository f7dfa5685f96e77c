"""The playground's door: the chat door for a member of our own pages, who shows a session cookie instead of a key."""

from patchbay.lib.asgi.request import Request
from patchbay.products.gateway.api.doors import Door
from patchbay.products.gateway.contracts import Caller
from patchbay.products.gateway.engine import members


class PageDoor(Door):
    """Everything behind the question who asks is as for a key: rates, budgets, terms, routing, money, the log."""

    async def _identify(self, request: Request) -> Caller:
        """Return the member of this very site's page who asks."""
        shared = self._shared
        request.require_json()
        (_, caller), headers = await shared.limits.identify_and_take(
            lambda: members.find(request, shared.pool), lambda who: who[1], openai=True
        )
        request.answer_headers.extend(headers)
        return caller
