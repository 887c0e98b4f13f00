"""Health, metrics and the state of the system."""
