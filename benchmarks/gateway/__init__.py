"""The gateway beside its peers: an upstream, a load, and the sides in between, each in processes of their own."""
