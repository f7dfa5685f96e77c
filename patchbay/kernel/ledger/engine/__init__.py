"""The ledger's inner parts: moving credits, processes, leases, settling. Other packages come through `services`."""
