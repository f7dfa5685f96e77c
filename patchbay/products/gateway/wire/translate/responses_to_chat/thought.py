"""Signed thought in a reasoning item: the item's `encrypted_content` carries the blocks, so that they can come back.

The signature in a block is the provider's own protection; the packing is no secret, only a form.
"""

import base64
import binascii
from typing import Any

import msgspec

from patchbay.products.gateway.wire.contracts import Body
from patchbay.products.gateway.wire.translate.fields import thoughts_of

_PREFIX = "thinking_blocks:"
_blocks: msgspec.json.Decoder[list[Body]] = msgspec.json.Decoder(list[dict[str, Any]])


def pack_thought(blocks: list[Body]) -> str:
    """Return the `encrypted_content` of a reasoning item."""
    return _PREFIX + base64.b64encode(msgspec.json.encode(thoughts_of(blocks))).decode()


def unpack_thought(item: Body) -> list[Body]:
    """Return the blocks of a reasoning item that we packed; none of another's."""
    packed = item.get("encrypted_content")
    if not isinstance(packed, str) or not packed.startswith(_PREFIX):
        return []
    try:
        return _blocks.decode(base64.b64decode(packed[len(_PREFIX) :], validate=True))
    except (binascii.Error, msgspec.DecodeError):
        return []
