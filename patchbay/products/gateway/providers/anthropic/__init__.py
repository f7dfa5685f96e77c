"""Anthropic's messages, by the base URL as its SDK takes it (`https://api.anthropic.com`)."""
