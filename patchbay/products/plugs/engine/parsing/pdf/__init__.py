"""PDF: pages in reading order, without running headers and footers, as headings, clauses and table rows."""

from patchbay.products.plugs.engine.parsing.pdf.document import parse

__all__ = ["parse"]
