"""Attacks on an archive of their own, for `make attack` and the tests."""
