"""Usage's inner parts: the raw inserts of records, and claims."""
