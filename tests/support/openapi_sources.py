"""The OpenAPI of the outside systems as docs/sources/*.yaml.

`python -m tests.support.openapi_sources` writes them anew.
"""

import json
import tempfile
from pathlib import Path

import yaml

from api.demo.sources import World, certificates_app, forms_app, population_of, portal_app

FOLDER = Path(__file__).parents[2] / "docs" / "sources"


def spoken() -> dict[str, str]:
    """What the simulator speaks, as YAML by name of the file."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("certificates", "applications", "events"):
            (Path(folder) / f"{name}.json").write_text(json.dumps([]))
        world = World(Path(folder), None)
        apps = {
            "certificates": certificates_app(world),
            "portal": portal_app(world),
            "forms": forms_app(world),
            "population": population_of(world),
        }
        return {
            f"{name}.yaml": yaml.safe_dump(
                app.openapi(), allow_unicode=True, sort_keys=False, width=140
            )
            for name, app in apps.items()
        }


if __name__ == "__main__":
    for name, text in spoken().items():
        (FOLDER / name).write_text(text, "utf-8")
