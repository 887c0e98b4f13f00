"""What pages share about records: what a user may see, and the answer of the policy.

Lists are conditions of the database; they show nothing that `decide` refuses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fastapi import Response
from PIL.Image import Image
from sqlalchemy.orm import Session

from api.http.page_cache import as_jpeg
from api.web.shell.page import User, WebApp
from api.web.shell.served import HEADERS
from archive.administration.policy import Act
from archive.arrangement.volume_names import code_of
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.finding_aids import reach as reaches
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.reach import Reach
from archive.finding_aids.volume_lists import listed_versions
from archive.reference.objects import blob_key
from archive.usage.looks import AccessContext, Look, Purpose, find_look, journal_look, purpose_of
from archive.usage.reading_room import (
    OpenedVolume,
    consult_volume,
    open_case,
    open_volume,
    require_purpose,
)
from archive.usage.watermark import AccessMark, access_mark

PAGE = 40
_SHOW_PAGES = frozenset({Act.VIEW_PAGES, Act.DOWNLOAD})


def reach_of(web: WebApp, user: User) -> Reach:
    """Return the user's organisation and all below it; None for the city, which sees all."""
    return reaches.reach_of(user.reader.org, web.runtime.organisations)


@dataclass(frozen=True, slots=True)
class Row:
    """A volume in a list: its newest archived version, or how far the first one is."""

    volume: Volume
    case: Case
    version: VolumeVersion | None
    item: str


def rows_of(web: WebApp, session: Session, volumes: Iterable[tuple[Volume, Case]]) -> list[Row]:
    """Return the volumes with the version that a reader gets."""
    pairs = list(volumes)
    versions = listed_versions(session, [volume for volume, _ in pairs])
    return [
        Row(volume, case, versions.get(volume.id), item_name(web, case)) for volume, case in pairs
    ]


def item_name(web: WebApp, case: Case) -> str:
    """Return the name of the service item of a case, in the version of its catalogue."""
    return web.runtime.catalogue.get(case.item_code, case.item_version).name


def unit_of(web: WebApp, case: Case) -> str:
    """Return the unit that files a case (立卷单位)."""
    return web.runtime.filing.unit_of(case.receive_org, case.domicile_org)


def case_for(web: WebApp, session: Session, user: User, act: Act, case_no: str) -> Case:
    """Return a case if the user may do the act on it. Raises DeniedError."""
    return open_case(session, user.reader, act, case_no, web.reference)


def findings_of(
    web: WebApp, session: Session, user: User, cases: Iterable[Case]
) -> dict[str, list[dict[str, str]]]:
    """Return the findings of each of these cases by its number, as far as the user may know."""
    reach = reach_of(web, user)
    return {case.case_no: disclosed(session, reach, case.findings) for case in cases}


def context_of(
    user: User, usage: str | None = None, purpose: Purpose | None = None
) -> AccessContext:
    """Return why the user looks: what the page is for, else the grant or the role's business."""
    return AccessContext(purpose or purpose_of(user.reader, usage), usage or None)


def consult(
    web: WebApp,
    session: Session,
    user: User,
    act: Act,
    name: str,
    what: JournalAct,
    *,
    number: int | None = None,
    usage: str = "",
    **shown: object,
) -> tuple[OpenedVolume, Look]:
    """Open a volume for the user and journal the look; `number` is a version of it.

    What shows pages needs the purpose that the user stated today. Raises PurposeNeededError.
    """
    context = context_of(user, usage)
    if act in _SHOW_PAGES:
        opened = open_volume(session, user.reader, act, name, web.reference, usage, version=number)
        context = AccessContext(require_purpose(session, user.reader, opened), usage or None)
    return consult_volume(
        session,
        user.reader,
        act,
        name,
        web.reference,
        context,
        what=what,
        version=number,
        **shown,
    )


def look_again(
    web: WebApp,
    session: Session,
    user: User,
    look: int,
    name: str,
    acts: Sequence[JournalAct],
    *,
    number: int | None = None,
) -> tuple[OpenedVolume, Look]:
    """Return a volume and the user's own look at it, for the images that follow from the look.

    The version is `number`, else the one that was looked at. The policy is asked again, under the
    grant of the look. Raises DeniedError.
    """
    seen = find_look(session, user.reader, look, code_of(session, name), acts)
    version = number or seen.shown.get("version")
    opened = open_volume(
        session, user.reader, Act.VIEW_PAGES, name, web.reference, seen.usage, version=version
    )
    return opened, seen


def note_look(
    session: Session,
    user: User,
    act: JournalAct,
    subject: str,
    *,
    purpose: Purpose | None = None,
    **shown: object,
) -> Look:
    """Journal a look at what is no volume: a list, a case that waits, a captured file."""
    return journal_look(
        session, user.reader, act, subject, context_of(user, purpose=purpose), **shown
    )


def mark_of(web: WebApp, user: User, look: Look) -> AccessMark:
    """Return the watermark of every image that is sent for a look."""
    return access_mark(look, user.reader, web.runtime.organisations, name=user.name)


def image_response(picture: Image) -> Response:
    """Return a marked image as the answer of a request."""
    return Response(as_jpeg(picture), media_type="image/jpeg", headers=HEADERS)


def original_response(
    web: WebApp, sha256: str, page: int, mark: AccessMark, *, small: bool = False
) -> Response:
    """Return the image of one page of an original, read against its digest, with its mark."""
    store = web.runtime.store
    return image_response(
        web.images.original_page(
            sha256,
            page,
            lambda: store.read(blob_key(sha256), sha256=sha256),
            mark=mark,
            small=small,
        )
    )
