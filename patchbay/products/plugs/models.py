"""Plugs, the documents they know, the units an answer may quote, and conversations.

A document is a name with versions. What a version says never changes once it is ready: citations point into it by
offset. `Document.current` is the version that answers; a newer one that is processing or failed leaves it alone.
"""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from patchbay.lib.ids import LENGTH, id_factory


class Plug(models.Model):
    """An expert that answers from its documents. First-party plugs belong to the platform's own organisation."""

    class Domain(models.TextChoices):
        LEGAL = "legal", "Legal"
        HEALTHCARE = "healthcare", "Healthcare"
        ENGINEERING = "engineering", "Engineering"
        GENERAL = "general", "General"

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("plug"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH, db_index=True)
    slug = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    domain = models.CharField(max_length=12, choices=Domain.choices, default=Domain.GENERAL)
    description = models.TextField(blank=True)
    published_number = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation_id", "slug"], name="plug_slug_once")]

    def __str__(self) -> str:
        return self.slug


class PlugVersion(models.Model):
    """What a published plug says of itself to the model: immutable, numbered from 1."""

    plug = models.ForeignKey(Plug, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    persona = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["plug", "number"], name="plug_version_once")]

    def __str__(self) -> str:
        return f"{self.plug_id} version {self.number}"


class Document(models.Model):
    """A named document of a plug. `organisation_id` is whose it is: for a marketplace plug not always the plug's."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("doc"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH, db_index=True)
    plug = models.ForeignKey(Plug, on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(max_length=200)
    current = models.ForeignKey("DocumentVersion", on_delete=models.SET_NULL, null=True, related_name="+")
    latest = models.ForeignKey("DocumentVersion", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation_id", "plug", "title"],
                condition=models.Q(deleted_at__isnull=True),
                name="document_title_once",
            )
        ]

    def __str__(self) -> str:
        return self.title


class DocumentVersion(models.Model):
    """One content of a document: the file as it came and what became of it. `pages` is None without pages."""

    class Status(models.TextChoices):
        PROCESSING = "processing", "Processing"
        READY = "ready", "Ready"
        ERROR = "error", "Error"

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    filename = models.CharField(max_length=200)
    media_type = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="Bytes of the file")
    storage_name = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROCESSING)
    error = models.TextField(blank=True)
    note = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often reading was begun")
    pages = models.PositiveIntegerField(null=True)
    chunks = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["document", "number"], name="document_version_once")]

    def __str__(self) -> str:
        return f"{self.document_id} version {self.number}"


class VersionText(models.Model):
    """The text of a version, which citations quote. Kept apart so that lists of versions stay light.

    `page_starts[i]` is the offset (code points) at which page i + 1 starts; empty without pages.
    """

    version = models.OneToOneField(DocumentVersion, on_delete=models.CASCADE, primary_key=True, related_name="body")
    text = models.TextField()
    page_starts = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"text of {self.version_id}"


class Unit(models.Model):
    """What search finds and an answer quotes: the stored text from `start` to `end` (code points).

    `id` is `<version>.<ordinal>`. `headings` is the path of headings above it, outermost first.
    """

    class Kind(models.TextChoices):
        TEXT = "text", "Sentences"
        CLAUSE = "clause", "Clause"
        ROW = "row", "Table row"
        ITEM = "item", "List item"
        CODE = "code", "Code"

    id = models.CharField(primary_key=True, max_length=LENGTH)
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="units", db_index=False)
    ordinal = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True)
    headings = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["version", "ordinal"], name="unit_once")]

    def __str__(self) -> str:
        return self.id


class ChatSession(models.Model):
    """A conversation with a plug, begun by a member or a key of the organisation."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("ses"), editable=False)
    organisation_id = models.CharField(max_length=LENGTH, db_index=True)
    plug = models.ForeignKey(Plug, on_delete=models.CASCADE, related_name="sessions")
    key_id = models.CharField(max_length=LENGTH, null=True)
    user_id = models.CharField(max_length=LENGTH, null=True)
    title = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.id


class ChatMessage(models.Model):
    """One turn; an assistant's turn keeps the whole answer object as it was sent in `answer`.

    `exchange` is the answer's id, on its question too: what is asked while another answer is being written would stand
    between the two by time. The turns of before have none.
    """

    class Role(models.TextChoices):
        USER = "user", "User"
        ASSISTANT = "assistant", "Assistant"

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("msg"), editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=9, choices=Role.choices)
    content = models.TextField()
    answer = models.JSONField(null=True)
    exchange = models.CharField(max_length=LENGTH, default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.role} in {self.session_id}"
