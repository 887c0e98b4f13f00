"""Attacks on the server itself: bodies, slow and many connections, kills."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import httpx

from api.http.connections import TimedProtocol
from archive.administration.policy import Role
from archive.audit.acts import JournalAct
from archive.audit.journal import entries
from archive.database.engine import reading
from tests.attack.asking import Report, names_a_record
from tests.attack.ground import Ground
from tests.attack.routes import api_routes, desk_routes
from tests.support.station import HOME, LOOK, MOVE

_ROUTES = ("/", "/login", "/search", "/healthz", "/nowhere", "/api/v1/token", "/api/v1/search")
_SENT, _GROWTH = 64 << 20, 150 << 20
_HALF_OPEN, _CLIENTS, _FLOOD_SECONDS, _KILLS = 300, 100, 15, 4
_SERVER_FAULT, _UNAVAILABLE = 500, 503
_PUBLIC = {
    *("/login", "/healthz", "/readyz", "/check", "/check/{check_code}", "/api/v1/token"),
    *("/static/{digest}/{name}", "/api/v1/checks/{check_code}", "/logout"),
}


def send_huge_bodies(ground: Ground) -> Report:
    """2 GB announced, and 64 MB that are not, sent by nobody to any route."""
    report, before = Report(), ground.memory()
    for route in _ROUTES:
        head = f"POST {route} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        announced = _sent(ground, f"{head}Content-Length: {2 << 30}\r\n\r\n".encode(), _SENT)
        report.note(f"{route}: {announced >> 20} MB of 2 GB were taken", refused=announced < _SENT)
        chunk = b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"
        chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        taken = _sent(ground, chunked, _SENT, chunk)
        report.note(f"{route}: {taken >> 20} MB in pieces were taken", refused=taken < _SENT)
    grown = ground.memory() - before
    report.note(f"the memory grew by {grown >> 20} MB", refused=grown < _GROWTH)
    report.note("it answers no more", refused=ground.answers())
    return report


def _sent(ground: Ground, head: bytes, most: int, piece: bytes = b"x" * (1 << 16)) -> int:
    """How many bytes of a body the server takes before it answers or ends the connection."""
    with socket.create_connection(("127.0.0.1", ground.port), timeout=30) as connection:
        sent = 0
        with suppress(OSError):
            connection.sendall(head)
            while sent < most:
                connection.sendall(piece)
                sent += len(piece)
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    if connection.recv(1, socket.MSG_PEEK) is not None:
                        break
                connection.settimeout(30)
        return sent


def half_open(ground: Ground) -> Report:
    """Connections that begin a request and do not end it."""
    report = Report()
    with ExitStack() as opened:
        sockets = []
        for number in range(_HALF_OPEN):
            connection = socket.create_connection(("127.0.0.1", ground.port), timeout=60)
            opened.enter_context(connection)
            if number % 3:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            sockets.append(connection)
        report.note("nobody else is answered meanwhile", refused=ground.answers())
        time.sleep(TimedProtocol.header_seconds + 5)
        for connection in sockets:
            connection.setblocking(False)
            try:
                kept = connection.recv(1) != b""
            except BlockingIOError:  # neither an answer nor an end
                kept = True
            except OSError:
                kept = False
            report.note("a half-open connection was kept", refused=not kept)
    return report


def flood(ground: Ground) -> Report:
    """Many clients at once, some with a token and some without, as fast as they can."""
    report, lock, before = Report(), threading.Lock(), ground.memory()
    with ground.desk() as desk:
        headers = desk.token()
    until = time.monotonic() + _FLOOD_SECONDS
    requests = (
        ("GET", f"/api/v1/volumes/{MOVE}", headers, None),
        ("POST", "/api/v1/search", headers, {"query": "测某"}),
        ("GET", f"/api/v1/volumes/{MOVE}", LOOK, None),
        ("POST", "/api/v1/token", {}, None),
        ("GET", "/login", {}, None),
    )

    def client(number: int) -> None:
        with httpx.Client(base_url=ground.root, timeout=120) as caller:
            while time.monotonic() < until:
                method, path, own, body = requests[number % len(requests)]
                answer = caller.request(method, path, headers=own, json=body)
                with lock:
                    report.note(
                        f"{method} {path}: {answer.status_code}",
                        refused=answer.status_code < _SERVER_FAULT
                        or answer.status_code == _UNAVAILABLE,
                    )
                number += 1

    with ThreadPoolExecutor(_CLIENTS) as pool:
        for ended in [pool.submit(client, number) for number in range(_CLIENTS)]:
            if error := ended.exception():
                report.note(f"a client was cut off: {type(error).__name__}", refused=False)
    grown = ground.memory() - before
    report.note(f"the memory grew by {grown >> 20} MB", refused=grown < 2 * _GROWTH)
    report.note("it answers no more", refused=ground.answers())
    return report


def ask_without_account(ground: Ground) -> Report:
    """Every address, without a token and without a login."""
    report = Report()
    with ground.desk() as desk:
        routes = [*api_routes(desk), *desk_routes()]
        for route in routes:
            if route.path in _PUBLIC:
                continue
            answer = desk.client.request(
                route.method, route.at(ground.belongings()), headers=LOOK, follow_redirects=False
            )
            shut = answer.status_code in {401, 403, 404, 409, 422} or (
                answer.status_code == httpx.codes.SEE_OTHER
                and answer.headers["location"].startswith("/login")
            )
            report.note(f"{route}: {answer.status_code}", refused=shut)
    for path in ("/openapi.json", "/metrics"):
        status = httpx.get(f"{ground.root}{path}").status_code
        report.note(f"{path}: {status}", refused=status == httpx.codes.UNAUTHORIZED)
    return report


def send_from_another_site(ground: Ground) -> Report:
    """Every form of the desk with a login, sent by a page of another site."""
    report = Report()
    with ground.desk() as desk:
        person = desk.person(Role.ARCHIVIST, HOME)
        for route in desk_routes():
            if route.method == "GET" or not names_a_record(route):
                continue
            for forged in ({"Sec-Fetch-Site": "cross-site"}, {}):
                answer = desk.client.request(
                    route.method,
                    route.at(ground.belongings()),
                    headers={"Cookie": person.cookie, **forged},
                    data={"csrf": person.csrf if forged else "guessed"},
                    follow_redirects=False,
                )
                refused = httpx.codes.is_client_error(answer.status_code)
                report.note(f"{route} {forged}: {answer.status_code}", refused=refused)
    return report


def kill_while_read(ground: Ground) -> Report:
    """The server is killed while volumes are read: nothing shown is without its entry."""
    report, chance = Report(), Random(1)
    with ground.desk() as desk:
        headers = desk.token()
    for _ in range(_KILLS):
        before = _looks(ground)
        readers = [_Reading(ground.root, headers) for _ in range(4)]
        for reader in readers:
            reader.start()
        time.sleep(chance.uniform(0.5, 2))
        children = ground.kill()
        for reader in readers:
            reader.stop()
        shown, entered = sum(reader.shown for reader in readers), _looks(ground) - before
        report.note(f"{shown} shown, {entered} entries", refused=shown <= entered)
        report.note("processes outlive their parent", refused=_all_end(children))
        ground.begin()
    for words in (("journal", "verify"), ("verify", "--all"), ("index", "check")):
        done = ground.command(*words)
        report.note(f"yice {' '.join(words)}: {done.stdout[-300:]}", refused=done.returncode == 0)
    return report


class _Reading(threading.Thread):
    """A client that opens a volume again and again, and counts what it was shown."""

    def __init__(self, root: str, headers: dict[str, str]) -> None:
        super().__init__()
        self.shown, self._stopped = 0, threading.Event()
        self._root, self._headers = root, headers

    def run(self) -> None:
        with httpx.Client(base_url=self._root, timeout=60) as client, suppress(httpx.HTTPError):
            while not self._stopped.is_set():
                answer = client.get(f"/api/v1/volumes/{MOVE}", headers=self._headers)
                self.shown += answer.status_code == httpx.codes.OK

    def stop(self) -> None:
        """End, after the request that is under way."""
        self._stopped.set()
        self.join()


def _looks(ground: Ground) -> int:
    """How many entries the journal has of volumes that were shown."""
    with reading(ground.runtime.engine) as session:
        return sum(entry.act == JournalAct.VIEW for entry in entries(session, 0))


def _all_end(pids: list[int]) -> bool:
    """Whether these processes end by themselves within half a minute."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        alive = [pid for pid in pids if _state(Path(f"/proc/{pid}/stat")) not in {"", "Z"}]
        if not alive:
            return True
        time.sleep(0.2)
    return False


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def read_error_stream(ground: Ground) -> Report:
    """What the server wrote to its error stream all the while."""
    report, text = Report(), ground.log.read_text()
    for word in ("Traceback", "测某", "150602199001010016", "sqlalchemy.exc", "Bearer "):
        report.note(f"the error stream quotes {word}", refused=word not in text)
    return report
