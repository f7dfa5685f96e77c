"""Strict fake vendors: OpenAI and Anthropic on one loopback server, with one made-up model behind both.

They refuse what breaks the vendors' own published request types, and answer from what they understood of a call, so
that whatever was lost on the way shows in the answer, in whichever format the call came.
"""
