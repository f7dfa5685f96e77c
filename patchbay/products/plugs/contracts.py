"""What others must know of plugs: reserved names and limits."""

FIRST_PARTY_SLUGS = ("legal-v1", "healthcare-v1", "engineering-v1")
"""The plugs that ship; no organisation can take these names."""

MAX_UPLOAD_BYTES = 50 * 1024 * 1024
"""The largest file that can become a document."""
