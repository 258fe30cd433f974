"""The simulated lab: a seeded simulator that speaks the probe's own protocol."""
