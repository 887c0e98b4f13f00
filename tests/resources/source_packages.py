"""The source package of a locked dependency, fetched through pip but never built: its tests' odd
files are wanted, none of its code is run.

`pip download` would run the package's build to learn its metadata; so pip is asked for the file
alone. Run as a program: `python -m tests.resources.source_packages NAME VERSION FOLDER` prints the
path.
"""

import hashlib
import sys
from pathlib import Path

from pip._internal.cli.cmdoptions import make_target_python
from pip._internal.commands.download import DownloadCommand
from pip._vendor.packaging.specifiers import SpecifierSet


def fetch(name: str, version: str, folder: Path) -> Path:
    """Download one source package by pip's own settings; its digest is that of the index."""
    command = DownloadCommand("download", "")
    options, _ = command.parse_args(["--no-binary", ":all:", "--no-deps", "--quiet", name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(
            options, session, target_python=make_target_python(options)
        )
        best = finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
        if best is None:
            raise SystemExit(f"no source package of {name} {version}")
        answer = session.get(
            best.link.url_without_fragment, headers={"Accept-Encoding": "identity"}, timeout=120
        )
        answer.raise_for_status()
        if (
            best.link.hash_name != "sha256"
            or hashlib.sha256(answer.content).hexdigest() != best.link.hash
        ):
            raise SystemExit(
                f"the source package of {name} {version} is not the one that the index names"
            )
    path = folder / best.link.filename
    path.write_bytes(answer.content)
    return path


if __name__ == "__main__":
    sys.stdout.write(str(fetch(sys.argv[1], sys.argv[2], Path(sys.argv[3]))) + "\n")
