"""How a process of ours is started."""

from pathlib import Path

CODE = Path(__file__).parents[2]
"""Where the packages lie."""
