"""The hot path of the gateway: hold, call the provider, price, settle."""
