"""An organisation with a plug, and a folder of its own for files."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from patchbay.lib.actor import Actor
from patchbay.products.plugs import services
from patchbay.products.plugs.models import Document, Plug
from tests import factories


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    return tmp_path


@pytest.fixture
def actor() -> Actor:
    return factories.owner()


@pytest.fixture
def plug(actor: Actor) -> Plug:
    return services.create_plug(actor=actor, name="Tenancy")


class Desk:
    """Uploads for one actor and does the worker's part."""

    def __init__(self, actor: Actor, plug: Plug) -> None:
        self.actor, self.plug = actor, plug

    def upload(self, data: bytes | str, name: str = "lease.md") -> Document:
        content = data.encode() if isinstance(data, str) else data
        return services.upload_document(actor=self.actor, plug=self.plug, file=ContentFile(content), filename=name)

    def ready(self, data: bytes | str, name: str = "lease.md") -> Document:
        return self.index(self.upload(data, name))

    def index(self, document: Document) -> Document:
        assert document.latest
        services.index_version(document.latest.pk)
        return Document.objects.select_related("latest", "current").get(pk=document.pk)


@pytest.fixture
def desk(actor: Actor, plug: Plug) -> Desk:
    return Desk(actor, plug)
