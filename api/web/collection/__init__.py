"""档案收集: what is gathered, and uploads."""
