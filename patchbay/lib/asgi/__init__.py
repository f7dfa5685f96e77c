"""The raw ASGI floor under the hot path: routes, requests, answers and event streams, without a framework."""
