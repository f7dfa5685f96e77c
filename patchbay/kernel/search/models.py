"""The index in the database: it is the truth, and changes with the caller's transaction.

A unit's key is its document's number shifted by UNIT_BITS plus its place, so that a document's units are one range.
"""

from django.db import models

from patchbay.lib.ids import LENGTH

UNIT_BITS = 20
MAX_UNITS = 1 << UNIT_BITS


class IndexScope(models.Model):
    """One collection of one organisation.

    `version` is a fresh random number after every change: a cache that carries it is what the database holds, even
    when a transaction that another cache saw was rolled back.
    """

    organisation_id = models.CharField(max_length=LENGTH)
    collection = models.CharField(max_length=80)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation_id", "collection"], name="search_scope")]

    def __str__(self) -> str:
        return f"{self.collection} of {self.organisation_id}"


class IndexedDocument(models.Model):
    """One document as indexed; indexing it again makes a new row, so that late work on the old one finds nothing.

    `terms` are its distinct terms (int64). `codes` are the sign bits of its first `embedded` units' vectors, made by
    the embedder named `embedder`.
    """

    scope = models.ForeignKey(IndexScope, on_delete=models.CASCADE)
    document_id = models.CharField(max_length=80)
    units = models.PositiveIntegerField()
    length = models.PositiveBigIntegerField()
    terms = models.BinaryField()
    embedded = models.PositiveIntegerField(default=0)
    embedder = models.CharField(max_length=80, default="")
    codes = models.BinaryField(default=b"")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "document_id"], name="search_document")]

    def __str__(self) -> str:
        return self.document_id


class IndexedUnit(models.Model):
    """One unit: the caller's id and the text that is embedded."""

    key = models.BigIntegerField(primary_key=True)
    unit_id = models.CharField(max_length=80)
    text = models.TextField()

    def __str__(self) -> str:
        return self.unit_id


class UnitVector(models.Model):
    """The exact vector of one unit: float32, little endian, unit length."""

    key = models.BigIntegerField(primary_key=True)
    vector = models.BinaryField()

    def __str__(self) -> str:
        return str(self.key)


class Posting(models.Model):
    """Where one term stands in one document: records of (unit, frequency, length), see `engine.postings`.

    The scope leads the key: a query reads its own organisation's entries and no other's, at no other's cost.
    """

    pk = models.CompositePrimaryKey("scope_id", "term", "document_number")
    scope_id = models.BigIntegerField()
    term = models.BigIntegerField()
    document_number = models.BigIntegerField()
    units = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.scope_id}/{self.term}/{self.document_number}"
