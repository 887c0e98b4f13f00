"""What the demo leaves to be done, so that each role finds at least three things in 待办.

Requests for use wait for chiefs and supervisors, scanned pages for who takes material in, and
submitted accounts for the 安全保密管理员.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

from api.demo.accounts import DemoAccount
from api.demo.scans import Page, gray, jpeg
from api.runtime.bootstrap import Runtime
from archive.administration.accounts import AccountKind, NewAccount, propose_account
from archive.administration.policy import Reader, Role
from archive.database.engine import writing
from archive.finding_aids.volume_lists import VolumeFilter, VolumeOrder, list_volumes
from archive.gathering.captures import Capturing, NewFile, announce
from archive.gathering.places import Place
from archive.usage.requests import UseApplication, request_use
from ingest.captures.parts import store_part
from ingest.captures.uploads import complete_capture
from storage.digest import sha256_hex

EACH = 3
_DPI = 100
_WHY = ("核对出生登记材料", "办理户口迁移核查", "查证亲属关系")
_TAKES_IN = frozenset({Role.OFFICER, Role.AUXILIARY, Role.ARCHIVIST})
_SYSTEM, _CHECKER = "sysadmin", "演示待批民警"


def make_demo_todos(runtime: Runtime, accounts: Sequence[DemoAccount]) -> None:
    """Leave something to do for each of these accounts; made once, with the accounts."""
    for chief in (account for account in accounts if account.role is Role.CHIEF):
        _ask_for_use(runtime, chief, accounts)
    takers = {account.org: account for account in accounts if account.role in _TAKES_IN}
    for taker in takers.values():
        _scan_pages(runtime, taker)
    _submit_accounts(runtime, accounts)


def _reader(account: DemoAccount) -> Reader:
    return Reader(account.login, account.role, account.org)


def _ask_for_use(runtime: Runtime, chief: DemoAccount, accounts: Sequence[DemoAccount]) -> None:
    """Let an officer of elsewhere ask for volumes of the chief's station, in turn."""
    asker = next(
        (row for row in accounts if row.role is Role.OFFICER and row.org != chief.org), None
    )
    reach = frozenset({chief.org})
    with writing(runtime.engine) as session:
        rows = list_volumes(session, reach, VolumeFilter(), limit=40, order=VolumeOrder.CODE)
        codes = [volume.code for volume, _ in rows if volume.filing_org == chief.org]
        if asker is None or not codes:
            return
        for number, why in enumerate(_WHY[:EACH]):
            wanted = UseApplication(
                codes[number % len(codes)],
                "POLICE",
                "CASE",
                why,
                f"演示函〔2026〕{number + 1}号",
                ("办理业务的依据",),
                EACH,
                None,
            )
            request_use(session, _reader(asker), wanted, runtime.organisations)


def _scan_pages(runtime: Runtime, taker: DemoAccount) -> None:
    """Send a page without a number, a broken one, and one of a case that nobody knows."""
    random = Random(taker.org)
    files = [
        jpeg(gray(Page(f"情况说明 {at}", ("此页未注明办件编号。",), ""), _DPI, random), _DPI)
        for at in range(1, EACH + 1)
    ]
    files[1] = files[1][:200]
    unknown = Place("150699000000-20260101-000001", 4, "居民户口簿")
    now = datetime.now(UTC)
    how = Capturing("演示窗口", "D00000", _DPI, now)
    with writing(runtime.engine) as session:
        rows = announce(
            session,
            taker.login,
            taker.org,
            [
                NewFile(
                    f"scan-{at}.jpg", len(data), sha256_hex(data), unknown if at == EACH else None
                )
                for at, data in enumerate(files, 1)
            ],
            how,
            at=now,
            quota=runtime.settings.upload_quota,
        )
        uploads = [row.id for row in rows]
    for upload, data in zip(uploads, files, strict=True):
        store_part(runtime.store, upload, 0, data)
        complete_capture(
            runtime.engine,
            runtime.store,
            runtime.organisations,
            taker.login,
            taker.org,
            upload,
            scanner=runtime.intake_rules.scanner,
        )


def _submit_accounts(runtime: Runtime, accounts: Sequence[DemoAccount]) -> None:
    """Submit accounts of further people, which wait for approval."""
    home = next((row.org for row in accounts if row.role is Role.OFFICER), None)
    if home is None:
        return
    system = next(row for row in accounts if row.login == _SYSTEM)
    with writing(runtime.engine) as session:
        for number in range(1, EACH + 1):
            new = NewAccount(
                f"demo-new-{number}",
                AccountKind.PERSON,
                f"{_CHECKER}{number}",
                home,
                Role.OFFICER,
                officer_no=f"D9{number:04d}",
            )
            propose_account(session, _reader(system), new, runtime.organisations)
