"""Reference data of the archive: terms, codes, organisations, service items and rules.

The rules are those of working time, local time and masking.
"""

from pathlib import Path

DATA = Path(__file__).with_name("data")
"""The folder of tables that ship with the code."""
