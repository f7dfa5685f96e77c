"""The gateway's doors: the OpenAI and Anthropic formats on the hot path."""
