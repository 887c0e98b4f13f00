"""What people typed, kept on the server under a name that says nothing (`/search/<name>`).

An address, a history and a log may bear such a name; only the account that typed may open it, as
long as a login lasts. Nothing of it is journalled: the acts that it leads to are.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.engine import database_now
from archive.database.tables_desk import KeptView
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import LabelledEnum

LASTS = timedelta(hours=8)
"""How long a view is kept: the longest life of a login at the desk."""
_MOST = 200


class ViewKind(LabelledEnum):
    """What is kept."""

    SEARCH = "SEARCH", "检索"
    PERSON = "PERSON", "一人一档"
    FORM = "FORM", "未提交的表单"
    QUERY = "QUERY", "人口信息查询"


def keep_view(session: Session, account: str, kind: ViewKind, body: Mapping[str, Any]) -> str:
    """Keep what an account typed, and return the name of it; what is too old is dropped.

    An account keeps its latest 200.
    """
    now = database_now(session)
    session.execute(delete(KeptView).where(KeptView.created_at < now - LASTS))
    own = select(KeptView.id).where(KeptView.account == account).order_by(KeptView.id.desc())
    surplus = session.scalars(own.offset(_MOST - 1)).all()
    if surplus:
        session.execute(delete(KeptView).where(KeptView.id.in_(surplus)))
    view = KeptView(
        token=secrets.token_urlsafe(18),
        account=account,
        kind=kind,
        body=json.dumps(body, ensure_ascii=False),
        pages=[],
        created_at=now,
    )
    session.add(view)
    session.flush()
    return view.token


def find_view(session: Session, account: str, kind: ViewKind, token: str) -> KeptView:
    """Return what an account kept. Raises NotFoundError, the same for another's and for none."""
    view = session.scalars(
        select(KeptView).filter_by(token=token, account=account, kind=kind)
    ).first()
    if view is None or view.created_at < database_now(session) - LASTS:
        raise NotFoundError(f"{kind.label}的内容已不再保留。", "请重新输入。")
    return view


def body_of(view: KeptView) -> dict[str, Any]:
    """Return what was typed."""
    body: dict[str, Any] = json.loads(view.body)
    return body


def drop_views(session: Session, account: str) -> None:
    """Drop all that an account kept: it has logged out."""
    session.execute(delete(KeptView).where(KeptView.account == account))
