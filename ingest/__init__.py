"""What comes in: submission packages are read, checked and taken over, or quarantined whole."""
