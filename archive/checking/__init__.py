"""Checking (核对): a person looks at a case that waits and confirms or returns it."""
