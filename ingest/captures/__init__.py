"""Files sent in parts by windows and stations."""
