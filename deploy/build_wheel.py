"""Build the wheel into dist/: the packages, their data, and the scripts that the pages load.

It is built from a copy in a folder of its own, so that nothing left by an earlier build gets in.
Nothing is fetched: htmx and zxing come from node_modules, in the versions of package-lock.json.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENDOR = {
    "htmx.min.js": ("htmx.org", "dist/htmx.min.js"),
    "zxing.js": ("zxing-wasm", "dist/iife/reader/index.js"),
    "zxing_reader.wasm": ("zxing-wasm", "dist/reader/zxing_reader.wasm"),
}
"""The foreign scripts in static/vendor: package and path of each."""


def vendor(target: Path) -> None:
    """Copy the foreign scripts; refuse a version that the lock does not name."""
    locked = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    target.mkdir(parents=True, exist_ok=True)
    for name, (package, path) in VENDOR.items():
        folder = ROOT / "node_modules" / package
        manifest = folder / "package.json"
        if not manifest.is_file():
            sys.exit(f"node_modules/{package} is missing: make setup")
        version = json.loads(manifest.read_text("utf-8"))["version"]
        wanted = locked[f"node_modules/{package}"]["version"]
        if version != wanted:
            sys.exit(f"{package} is {version}, the lock names {wanted}: make setup")
        shutil.copyfile(folder / path, target / name)


def build(to: Path) -> Path:
    """Build the wheel into a folder and return its path."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    with tempfile.TemporaryDirectory(prefix="yice-wheel-") as name:
        source = Path(name)
        for package in (pattern.removesuffix("*") for pattern in patterns):
            shutil.copytree(
                ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(ROOT / file, source / file)
        vendor(source / "api/web/static/vendor")
        shutil.copytree(ROOT / "docs/pictures", source / "api/web/manual/pictures")
        shutil.copyfile(ROOT / "docs/archivists.md", source / "api/web/manual/archivists.md")
        options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
        subprocess.run(  # noqa: S603 - pip of this very environment
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"),
                *(*options, "--wheel-dir", str(to), str(source)),
            ],
            check=True,
        )
    return to / f"yice-{project['project']['version']}-py3-none-any.whl"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="folder of the wheel")
    sys.stdout.write(f"{build(parser.parse_args().to)}\n")
