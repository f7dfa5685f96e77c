"""What `benchmarks.ledger` measures: the product's own path and its peers, each in a process of its own."""
