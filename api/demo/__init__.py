"""A fictional city: packages that look like real ones, sound and with planted defects, and the truth about each. Nobody in it exists."""
