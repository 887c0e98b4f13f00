"""Submission packages (BagIt), read without trusting their content."""
