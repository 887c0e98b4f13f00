"""The doors: command line, worker, HTTP.

Only this package reads settings, wires adapters and commits.
"""
