"""The form of a key: `sme_live_` or `sme_test_` and 32 random hexadecimal characters (128 bits)."""

import hashlib
import re
import secrets

PREFIX_LENGTH = 16
_FORM = re.compile(r"sme_(live|test)_[0-9a-f]{32}", re.ASCII)


def new_token(environment: str) -> str:
    return f"sme_{environment}_{secrets.token_hex(16)}"


def is_token(text: str) -> bool:
    """Tell whether a text can be a key at all; what cannot is refused without looking further."""
    return _FORM.fullmatch(text) is not None


def digest(token: str) -> str:
    """Return the SHA-256 by which a key is found.

    A plain hash is enough: the secret is 128 random bits, and looking its hash up tells an observer of the time
    nothing about the secret.
    """
    return hashlib.sha256(token.encode()).hexdigest()
