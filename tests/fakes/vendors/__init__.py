"""The vendors' formats, strictly: OpenAI's and Anthropic's, with one made-up model behind both.

They refuse what breaks the vendors' own published request types, and answer from what they understood of a call, so
that whatever was lost on the way shows in the answer, in whichever format the call came. Two servers speak them: the
one of `tests.fakes.upstream`, with every fault there is, and the one that SDK clients in threads and other processes
ask, `tests.clients.models.vendors`.
"""
