"""Any server that speaks the OpenAI chat completions format."""
