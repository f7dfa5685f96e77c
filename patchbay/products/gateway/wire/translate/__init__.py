"""Translations between the wire formats: pure functions on decoded bodies and whole events, one folder a direction."""
