"""What workers and duties do; no terminal and no request in it."""
