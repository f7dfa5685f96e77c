"""The wire formats: reading requests, following answers, translating between formats. Pure: no I/O, no Django."""
