"""What arrives for a case before it is handed in as a package."""
