"""Lists, counts and registers of what is held."""
