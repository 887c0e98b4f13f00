"""Taking a case over: rows, originals, and its ties to other cases."""
