"""The doors of the plugs: REST, and the raw routes on which they answer."""
