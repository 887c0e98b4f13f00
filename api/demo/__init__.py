"""A fictional city: packages that look real, sound or with planted defects, and the truth.

Nobody in it exists.
"""
