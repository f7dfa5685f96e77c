"""Which target serves a call: conditions, order, weight, health, limits; and the only loop that tries again."""
