"""What the archive knows of its field: vocabulary, codes, facts of a case, organisations, items, rules of time and of masking."""

from pathlib import Path

DATA = Path(__file__).with_name("data")
"""The folder of tables that ship with the code."""
