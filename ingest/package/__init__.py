"""Reading a submission package (BagIt) without trusting it."""
