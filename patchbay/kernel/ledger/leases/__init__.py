"""Leases in memory: `LeaseBook` for holds, `LeaseKeeper` for the thread that answers the book from the database."""

from patchbay.kernel.ledger.leases.book import LeaseBook as LeaseBook
from patchbay.kernel.ledger.leases.book import LeasedHold as LeasedHold
from patchbay.kernel.ledger.leases.keeper import LeaseKeeper as LeaseKeeper
