"""Patchbay: build, meter and sell AI products on one kernel."""

__version__ = "0.1.0"
