"""The compiling of a case into one signed, proven PDF/A volume.

Its steps: plan, sheets, scans, normalise, assemble, seal, prove.
"""
