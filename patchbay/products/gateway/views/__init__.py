"""The gateway's pages, one module for each noun."""
