"""The names of people, which pages show instead of logins."""

from sqlalchemy import Engine

from api.web.shell.recent import Recent
from archive.administration.account_lists import names_of_logins
from archive.database.engine import reading

_AT_MACHINE = ("cli:", "duty:", "worker:")


class People:
    """Who is behind a login; read anew each minute, and for a new login at once."""

    def __init__(self, engine: Engine, recent: Recent) -> None:
        """Read nothing before the first name is asked for."""
        self._engine, self._recent = engine, recent

    def name(self, login: str | None) -> str:
        """Return the name behind a login; a process of the archive itself is called 系统."""
        if not login:
            return ""
        name = self._recent.get(People, self._names).get(login)
        if name is None and not login.startswith(_AT_MACHINE):
            # Kept as well: a journal may show one that nobody has on every line.
            name = self._recent.get((People, login), lambda: self._names().get(login))
        if name is None:
            return "系统" if login.startswith(_AT_MACHINE) else login
        return name

    def _names(self) -> dict[str, str]:
        with reading(self._engine) as session:
            return names_of_logins(session)
