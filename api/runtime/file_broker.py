"""The broker of one machine: kombu's files, of which a crash leaves none half-written.

kombu opens a file, locks it and then writes: whoever is killed in between, or finds the disk full,
leaves an empty table of bindings or half a message, at which each later process fails. Here a file
takes its name only when it is whole, and what an older crash cut is read as if it were not there:
a worker binds its queues when it starts, and a lost message is sent again (the rows are the truth).
"""

import fcntl
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual
from kombu.utils.json import dumps, loads

URL = "yicefiles://localhost//"
TRANSPORT_ALIASES["yicefiles"] = "api.runtime.file_broker:FileTransport"
_CUT_SECONDS = 3600.0
"""A file that was begun or taken so long ago belongs to a process that is gone."""
_UNREAD_SECONDS = 86_400.0
"""A message that nobody read for so long is worth nothing: what still waits is sent again."""
_Bindings = list[filesystem.exchange_queue_t]
_log = logging.getLogger(__name__)


def file_broker(data: Path) -> dict[str, Any]:
    """Return the options of the broker in a data folder; its leftovers are swept away."""
    folder = data.resolve() / "broker"
    for name in ("messages", "control", "taken"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    sweep(folder, time.time())
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(folder / "control"),
        "processed_folder": str(folder / "taken"),
        "polling_interval": 0.1,
    }


def sweep(folder: Path, now: float) -> int:
    """Delete what killed processes left in a broker's folder, and messages unread for a day.

    `now` is in seconds since the epoch. Returns how many files.
    """
    cut = [*(folder / "taken").iterdir(), *folder.glob("*/.?*")]
    old = [(path, _CUT_SECONDS) for path in cut if path.name != _LOCK]
    old += [(path, _UNREAD_SECONDS) for path in (folder / "messages").glob("[!.]*.msg")]
    swept = 0
    for path, seconds in old:
        with suppress(OSError):  # another process sweeps too, or takes it; or nothing can be swept
            if now - path.stat().st_mtime > seconds:
                path.unlink()
                swept += 1
    return swept


class FileChannel(filesystem.Channel):  # type: ignore[misc, unused-ignore]
    """A channel of kombu's file transport whose files are whole or not there."""

    def get_table(self, exchange: str) -> _Bindings:
        """Return the bindings of an exchange; none when its file was cut by a crash."""
        return _bindings(self._exchange_file(exchange))

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._rebind(exchange, lambda known: [binding, *(row for row in known if row != binding)])

    def _delete(
        self,
        queue: str,
        exchange: str,
        routing_key: str,
        pattern: str,
        *_: Any,  # noqa: ANN401 - kombu's own signature
        **__: Any,  # noqa: ANN401 - kombu's own signature
    ) -> None:
        self._purge(queue)
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._rebind(exchange, lambda known: [row for row in known if row != binding])

    def _rebind(self, exchange: str, change: Callable[[_Bindings], _Bindings]) -> None:
        file: Path = self._exchange_file(exchange)
        with _turn(file.parent):
            known = _bindings(file)
            if (changed := change(known)) != known:
                _write(file, dumps([list(row) for row in changed]))

    def _put(  # type: ignore[override, unused-ignore]
        self,
        queue: str,
        payload: Any,  # noqa: ANN401 - kombu's own signature
        **_: Any,  # noqa: ANN401 - kombu's own signature
    ) -> None:
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        _write(Path(self.data_folder_out, name), dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ANN401 - kombu's own
        del timeout  # kombu asks again by itself
        for file in sorted(Path(self.data_folder_in).iterdir()):
            if file.name.partition(".")[2] != f"{queue}.msg":
                continue
            message = _take(file, Path(self.processed_folder, file.name))
            if message is not None:
                return message
        raise Empty


class FileTransport(filesystem.Transport):  # type: ignore[misc, unused-ignore]
    """kombu's file transport with `FileChannel`."""

    Channel = FileChannel

    def __init__(self, client: Any, **options: Any) -> None:  # noqa: ANN401 - kombu's own
        """Remember bindings for one connection: another one may be on another folder."""
        super().__init__(client, **options)
        self.state = virtual.BrokerState()


_LOCK = ".lock"


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other process changes the bindings."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bindings(file: Path) -> _Bindings:
    try:
        return [filesystem.exchange_queue_t(*row) for row in json.loads(file.read_bytes())]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ChannelError(f"cannot read {file}") from error
    except (ValueError, TypeError):
        _log.warning("broker bindings were cut", extra={"fields": {"file": file.name}})
        return []


def _write(file: Path, text: str) -> None:
    """Write a file that has its name only when it is whole."""
    begun = file.with_name(f".{file.name}-{uuid.uuid4()}")
    try:
        begun.write_text(text, encoding="utf-8")
        begun.replace(file)
    except OSError as error:
        with suppress(OSError):
            begun.unlink(missing_ok=True)
        raise ChannelError(f"cannot write {file}") from error


def _take(file: Path, taken: Path) -> Any:  # noqa: ANN401 - a message is any JSON
    """Take a message that no other process took; None: it is gone, or was cut by a crash."""
    try:
        file.replace(taken)
    except FileNotFoundError:
        return None
    text = taken.read_bytes()
    taken.unlink()
    try:
        return loads(text.decode())
    except ValueError:
        _log.warning("broker message was cut", extra={"fields": {"file": file.name}})
        return None
