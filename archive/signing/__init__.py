"""Seals, time-stamps, revocation, and the validation of signatures."""
