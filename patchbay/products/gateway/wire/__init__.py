"""The wire formats: reading requests, following answers, translating one format into another. Pure: no I/O, no Django."""
