"""系统管理 as the 三员 use it, over the real app in this process.

Two are needed for each change, and each is refused what is another's.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.demo.accounts import make_demo_accounts
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.reference.service_items import load_catalogue
from tests.support.station import cheap_hashes

FORCED = {
    "sysadmin": (
        "/system/accounts",
        "/system/organisations/150602000000",
        "/system/items/import",
        "/system/accounts/demo-officer/changes",
    ),
    "secadmin": (
        "/system/accounts/demo-officer/decision",
        "/system/accounts/demo-officer/disable",
        "/system/changes/1",
    ),
}


@dataclass(frozen=True)
class Office:
    """The app, and the secrets of its accounts."""

    runtime: Runtime
    secrets: dict[str, str]

    @contextmanager
    def at(self, login: str) -> Iterator[TestClient]:
        with TestClient(create_app(self.runtime), follow_redirects=False) as client:
            answer = client.post("/login", data={"login": login, "secret": self.secrets[login]})
            assert answer.headers["location"] == "/"
            yield client


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    cheap_hashes()
    hidden = SecretStr("geheim")
    settings = Settings(
        data=tmp_path_factory.mktemp("office"),
        tsa_url="http://user:geheim@tsa.test/",
        seal_passphrase=hidden,
    )
    runtime = start(settings)
    yield Office(
        runtime, {account.login: account.secret for account in make_demo_accounts(runtime)}
    )
    runtime.engine.dispose()


def post(client: TestClient, path: str, **data: str) -> tuple[int, str]:
    field = re.search(r'name="csrf"\s+value="(\w+)"', client.get("/password").text)
    assert field
    answer = client.post(path, data={"csrf": field[1], **data})
    return answer.status_code, answer.text


def test_an_account_is_submitted_approved_and_begins_with_a_password_of_its_own(
    office: Office,
) -> None:
    new = {
        "login": "new.officer",
        "name": "警某",
        "officer_no": "060777",
        "role": "OFFICER",
        "org": "150602010000",
        "kind": "PERSON",
    }
    with (
        office.at("sysadmin") as system,
        office.at("secadmin") as security,
        office.at("auditor") as auditor,
    ):
        assert post(system, "/system/accounts", **new)[0] == 303
        assert (
            post(
                system, "/system/accounts/new.officer/decision", decision="approve", reason="自批"
            )[0]
            == 403
        )
        for client in (system, security, auditor):
            assert "new.officer" in client.get("/system/accounts").text
        assert 'name="decision"' not in system.get("/system/accounts/new.officer").text
        status, text = post(
            security,
            "/system/accounts/new.officer/decision",
            decision="approve",
            reason="与编制一致",
        )
        assert status == 200
        secret = re.search(r'class="secret">([^<]+)<', text)
        assert secret
        assert secret[1] not in security.get("/system/accounts/new.officer").text  # shown once
    with TestClient(create_app(office.runtime), follow_redirects=False) as client:
        client.post("/login", data={"login": "new.officer", "secret": secret[1]})
        assert client.get("/volumes").headers["location"] == "/password"
        assert (
            post(
                client,
                "/password",
                old="falsch",
                new="自己定的口令 4711 绿",
                again="自己定的口令 4711 绿",
            )[0]
            == 403
        )
        assert (
            post(
                client,
                "/password",
                old=secret[1],
                new="自己定的口令 4711 绿",
                again="自己定的口令 4711 绿",
            )[0]
            == 303
        )
        client.post("/login", data={"login": "new.officer", "secret": "自己定的口令 4711 绿"})
        assert client.get("/volumes").status_code == 200


def test_a_change_takes_two_and_a_disabled_account_is_out_at_once(office: Office) -> None:
    with (
        office.at("demo-officer") as officer,
        office.at("sysadmin") as system,
        office.at("secadmin") as security,
    ):
        assert officer.get("/volumes").status_code == 200
        assert (
            post(system, "/system/accounts/demo-officer/changes", kind="DISABLE", reason="调离")[0]
            == 303
        )
        assert officer.get("/volumes").status_code == 200  # submitted is not approved
        number = re.search(
            r"/system/changes/(\d+)", security.get("/system/accounts/demo-officer").text
        )
        assert number
        assert (
            post(security, f"/system/changes/{number[1]}", decision="approve", reason="相符")[0]
            == 200
        )
        assert officer.get("/volumes").headers["location"].startswith("/login")
        assert (
            post(security, f"/system/changes/{number[1]}", decision="approve", reason="再批")[0]
            == 409
        )


@pytest.mark.parametrize(
    "login",
    [
        "demo-officer-other",
        "demo-auxiliary",
        "demo-archivist",
        "demo-chief",
        "demo-city",
        "auditor",
        "sysadmin",
        "secadmin",
    ],
)
def test_what_is_another_administrators_is_refused_when_forced(office: Office, login: str) -> None:
    with office.at(login) as client:
        for whose, paths in FORCED.items():
            if whose != login:
                assert {
                    path: post(client, path, reason="硬来", kind="DISABLE")[0] for path in paths
                } == dict.fromkeys(paths, 403)


def test_items_are_imported_after_a_look_at_what_changes_and_are_in_effect(office: Office) -> None:
    item = {
        **next(iter(load_catalogue())).model_dump(mode="json"),
        "version": "2027-1",
        "limit_workdays": 5,
    }
    with office.at("sysadmin") as system:
        status, text = post(system, "/system/items/import", text=json.dumps([item]))
        assert status == 200
        assert re.search(r"<del>0</del>\s+改为\s+<ins>5</ins>", text)
        assert system.get("/system/items/CS01/2027-1").status_code == 404  # looked at, not imported
        assert (
            post(
                system,
                "/system/items/import",
                text=json.dumps([item]),
                confirm="1",
                reason="档审〔2026〕3号",
            )[0]
            == 303
        )
        assert "比 2026-1 版改了什么" in system.get("/system/items/CS01/2027-1").text
        assert "共 2 版" in system.get("/system/items").text
        assert "2027-1" in system.get("/system/retention").text
        assert post(system, "/system/items/import", text="<xml>")[0] == 409


def test_a_district_is_switched_with_its_document(office: Office) -> None:
    with office.at("sysadmin") as system:
        was = office.runtime.organisations.is_digitised("150602010000")
        assert (
            post(
                system,
                "/system/organisations/150602000000",
                digitised=str(int(not was)),
                reason="东公〔2026〕5号",
            )[0]
            == 303
        )
        assert "东公〔2026〕5号" in system.get("/system/organisations").text
        assert office.runtime.organisations.is_digitised("150602010000") is not was


def test_settings_show_what_is_in_effect_and_no_secret(office: Office) -> None:
    with office.at("sysadmin") as system:
        text = system.get("/system/settings").text
    assert "YICE_SEAL_PASSPHRASE" in text
    assert "tsa.test" in text
    assert "geheim" not in text


def test_the_journal_is_filtered_by_act_actor_subject_and_day_and_leaves_as_csv(
    office: Office,
) -> None:
    with reading(office.runtime.engine) as session:
        day = session.query(JournalEntry).first().at[:10]  # type: ignore[union-attr]
    with office.at("auditor") as auditor:
        rows = len(
            re.findall(
                "data-row",
                auditor.get(
                    "/journal", params={"subject": "demo-chief", "act": "APPROVE_ACCOUNT"}
                ).text,
            )
        )
        assert rows == 1
        assert "没有符合条件的记录" in auditor.get("/journal", params={"until": "2020-01-01"}).text
        assert (
            "没有符合条件的记录"
            not in auditor.get(
                "/journal", params={"actor": "sysadmin", "since": day[:8] + "01"}
            ).text
        )
        csv = auditor.get("/journal.csv", params={"actor": "sysadmin"})
        assert csv.headers["content-type"].startswith("text/csv")
        assert csv.content.startswith(b"\xef\xbb\xbf")
