"""Measurements, not tests: `make bench` runs them, prints a table and writes JSON to
bench-results/. Nothing here asserts a time.
"""
