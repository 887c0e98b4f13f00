"""Lists, counts and registers of the holdings."""
