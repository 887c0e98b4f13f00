"""A second city, written from the submission format alone: `python -m tests.bench.field.measure`.

It shares nothing with the demonstration's generator: other fonts, sheets, papers and scanners. The
inspection was not tuned to it, so what it prints may be believed.
"""
