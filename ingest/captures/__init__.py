"""Files that windows and stations send in parts."""
