"""Metrics for Prometheus: plain numbers in memory, folded over processes when they are asked for."""
