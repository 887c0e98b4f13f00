"""The alert rules name metrics that exist, and fire when, and only when, they should.

Each is tried on samples of both kinds.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from api.monitoring.metrics import exposition, registry_of
from api.runtime.bootstrap import Runtime
from api.runtime.settings import Settings
from storage.local_store import LocalStore
from tests.support.holdings import CATALOGUE, ORGANISATIONS

RULES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[3] / "docs" / "alerts.yml").read_text()
)["groups"][0]["rules"]


def test_every_metric_of_a_rule_is_given_and_every_rule_says_what_to_do(
    engine: Engine, tmp_path: Path
) -> None:
    runtime = Runtime(
        Settings(data=tmp_path), engine, LocalStore(tmp_path / "store"), CATALOGUE, ORGANISATIONS
    )
    text = exposition(registry_of(runtime)).decode()
    given = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    for rule in RULES:
        named = set(re.findall(r"yice_[a-z_]+", rule["expr"]))
        assert named <= given, rule["alert"]
        assert rule["annotations"]["summary"]
    assert "yice_fixity_age_seconds -1.0" in text, (
        "an archive that was never scrubbed must raise the alarm"
    )


# For each rule samples on which it fires, and the same a little better.
SAMPLES = {
    "YiceVolumeFrozen": (
        'yice_volumes{state="QUARANTINED"} 1',
        'yice_volumes{state="COMMITTED"} 1\nyice_volumes{state="QUARANTINED"} 0',
    ),
    "YiceJobsFail": ('yice_job_failures{code="NOT_PROVED"} 1', ""),
    "YiceWorkWaits": (
        "yice_oldest_waiting_job_age_seconds 3601",
        "yice_oldest_waiting_job_age_seconds 3600",
    ),
    "YiceTimestampsOwed": (
        'yice_jobs{kind="timestamp",state="FAILED"} 2',
        'yice_jobs{kind="compile",state="FAILED"} 2',
    ),
    "YiceTimestampsDue": ("yice_timestamps_due 1", "yice_timestamps_due 0"),
    "YiceTimestampEnds": (
        "yice_timestamp_remaining_seconds 0",
        "yice_timestamp_remaining_seconds -1",
    ),
    "YiceScrubStopped": ("yice_fixity_age_seconds -1", "yice_fixity_age_seconds 172800"),
    "YiceNoSecondCopy": ("yice_packages_without_replica 1", "yice_packages_without_replica 0"),
    "YiceJournalNotAnchored": (
        "yice_journal_entries_since_anchor 1",
        "yice_journal_entries_since_anchor 0",
    ),
    "YiceDown": ('up{job="yice"} 0', 'up{job="yice"} 1\nup{job="other"} 0'),
    "YiceDependencyDown": (
        'yice_dependency_up{name="store"} 0',
        'yice_dependency_up{name="store"} 1',
    ),
    "YiceQueueWithoutWorkers": (
        'yice_queue_messages{queue="ocr"} 3\nyice_queue_workers{queue="ocr"} 0',
        (
            'yice_queue_messages{queue="ocr"} 3\nyice_queue_workers{queue="ocr"} 1\n'
            'yice_queue_workers{queue="sign"} 0'
        ),
    ),
    "YiceDutyFails": ('yice_duty_failures{duty="scrub"} 4', 'yice_duty_failures{duty="scrub"} 3'),
    "YiceBeatStopped": (
        'yice_duty_age_seconds{duty="reconcile"} 901',
        'yice_duty_age_seconds{duty="anchor"} 901',
    ),
    "YiceIndexBehind": ("yice_index_behind 1001", "yice_index_behind -1"),
    "YiceStagingLeft": ("yice_staging_orphans 1", "yice_staging_orphans 0"),
    "YiceDiskFull": ("yice_disk_free_bytes 4999999999", "yice_disk_free_bytes 5000000000"),
}


def fires(expression: str, text: str) -> bool:
    """The part of PromQL that the rules use.

    It is a comparison of a metric or its sum with a number, `or`, and `and` of the same labels.
    """
    samples = [
        sample
        for family in text_string_to_metric_families(text + "\n")
        for sample in family.samples
    ]

    def compared(part: str) -> set[tuple[tuple[str, str], ...]]:
        comparison = re.fullmatch(
            r"(sum\()?([a-z_]+)(?:\{(.*)\})?\)? (>=|>|<|==) (-?\d+)", part.strip()
        )
        assert comparison, part
        wanted = dict(re.findall(r'(\w+)="(\w+)"', comparison[3] or ""))
        values = {
            tuple(sorted(sample.labels.items())): sample.value
            for sample in samples
            if sample.name == comparison[2] and wanted.items() <= sample.labels.items()
        }
        if comparison[1]:
            values = {(): sum(values.values())} if values else {}
        limit = float(comparison[5])
        holds = {
            ">": lambda value: value > limit,
            ">=": lambda value: value >= limit,
            "<": lambda value: value < limit,
            "==": lambda value: value == limit,
        }[comparison[4]]
        return {labels for labels, value in values.items() if holds(value)}

    return any(
        set.intersection(*(compared(part) for part in side.split(" and ")))
        for side in expression.split(" or ")
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_fires_when_it_should_and_not_when_it_should_not(rule: dict[str, Any]) -> None:
    bad, good = SAMPLES[rule["alert"]]
    assert fires(rule["expr"], bad)
    assert not fires(rule["expr"], good)
    assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
