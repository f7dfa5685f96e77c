"""A visit to a door that speaks a vendor's format: with the bodies that the request log keeps, where it may."""

from patchbay.lib.errors import AppError, InvalidError
from patchbay.products.gateway.contracts import PLUG_PREFIX
from patchbay.products.gateway.engine.contracts import Ask
from patchbay.products.gateway.engine.request_log import REQUEST_LOG, Body
from patchbay.products.gateway.engine.terms import Terms
from patchbay.products.gateway.engine.visits import Visit
from patchbay.products.gateway.wire.contracts import Wire


class WireVisit(Visit, kw_only=True):
    """`answer` are the bytes that the client got, kept only where the organisation asked for it (`keeps_bodies`)."""

    wire: Wire
    ask: Ask | None = None
    terms: Terms | None = None
    answer: bytes = b""

    def find(self, terms: Terms) -> Terms:
        """Note what was found under the model's name."""
        self.terms = terms
        self.alias = terms.alias.name
        return terms

    def fail(self, error: AppError) -> None:
        """Note what the client was told, under the status of the vendors."""
        self.error = error
        self.status = status_of(error)

    @property
    def keeps_bodies(self) -> bool:
        return self.terms is not None and self.terms.catalogue.log_bodies

    def tell(self) -> None:
        """Count the request, note why it failed, and keep its bodies."""
        if self.alias.startswith(PLUG_PREFIX) and (self.call is None or self.call.first_seconds is None):
            self.alias = ""  # any name may follow the prefix: that there is such a plug shows when it answers
        super().tell()
        if self.keeps_bodies:
            self._note_body()

    def _note_body(self) -> None:
        ask, terms = self.ask, self.terms
        assert terms is not None
        if ask is None:
            return
        answer = self.answer
        if self.error is not None and not answer:
            answer = self.wire.error_body(self.error, self.request_id)
        days = terms.catalogue.body_days
        REQUEST_LOG.note_body(Body(self.request_id, ask.caller.organisation_id, ask.body, answer, days))


def status_of(error: AppError) -> int:
    """Return the status under which the vendors' formats tell an error: what is not valid is a plain 400 there."""
    return 400 if isinstance(error, InvalidError) else error.status
