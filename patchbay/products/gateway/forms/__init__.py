"""The forms of the gateway's pages, one module for each noun."""
