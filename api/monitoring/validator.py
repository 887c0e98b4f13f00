"""`python -m api.monitoring.validator FOLDER`: whether veraPDF and its Java start here.

In a process of its own: a JVM that breaks takes its process with it, and one that a thread started
keeps its process from ending.
"""

import sys
from pathlib import Path

from archive.compile.prove import PdfAProver


def main() -> None:
    """End with 1 unless veraPDF starts and finds fault with what is no PDF."""
    data = Path(sys.argv[1])
    prover = PdfAProver("2u", scratch=data / "scratch" if data.is_dir() else None)
    sys.exit(0 if prover.failures(b"no PDF") else 1)


if __name__ == "__main__":
    main()
