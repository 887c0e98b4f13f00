"""The alert rules name metrics that exist: a rule upon a metric that nobody gives never fires."""

import re
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from api.bootstrap import Runtime
from api.metrics import exposition, registry_of
from api.settings import Settings
from storage.local_store import LocalStore
from tests.holdings import CATALOGUE, ORGANISATIONS

RULES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[1] / "docs" / "alerts.yml").read_text())["groups"][0]["rules"]


def test_every_metric_of_a_rule_is_given_and_every_rule_says_what_to_do(engine: Engine, tmp_path: Path) -> None:
    runtime = Runtime(Settings(data=tmp_path), engine, LocalStore(tmp_path / "store"), CATALOGUE, ORGANISATIONS)
    text = exposition(registry_of(runtime)).decode()
    given = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    for rule in RULES:
        named = set(re.findall(r"yice_[a-z_]+", rule["expr"]))
        assert named <= given, rule["alert"]
        assert rule["annotations"]["summary"]
    assert "yice_fixity_age_seconds -1.0" in text, "an archive that was never scrubbed must raise the alarm"
