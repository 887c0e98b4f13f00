"""Revocation data: lists from files and addresses, and what certificates point at.

Lists are read anew as they age; certificates name further lists and responders (CRL, OCSP).
"""

import time
from collections.abc import Sequence
from pathlib import Path

import requests
from asn1crypto import pem
from asn1crypto.crl import CertificateList
from pyhanko_certvalidator.fetchers import Fetchers
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend

_AGE, _RETRY = 300.0, 30.0


class Revocation:
    """Revocation lists of `sources` (files or http addresses).

    With `fetch` also the lists and OCSP responders that certificates name. What was fetched is
    fetched again after five minutes. A source that cannot be read keeps its last list: the list's
    own next update says how long that is good, and validation respects it.
    """

    def __init__(
        self,
        sources: Sequence[str] = (),
        *,
        fetch: bool = False,
        timeout: float = 10,
        age: float = _AGE,
    ) -> None:
        """Keep the sources; nothing is read yet."""
        self._sources, self._fetch, self._timeout, self._age = tuple(sources), fetch, timeout, age
        self._lists: dict[str, CertificateList] = {}
        self._fetchers: Fetchers | None = None
        self._due = 0.0

    def refresh(self) -> bool:
        """Read again what is due; return whether anything was."""
        if time.monotonic() < self._due:
            return False
        read = [self._read(source) for source in self._sources]
        self._fetchers = (
            RequestsFetcherBackend(per_request_timeout=self._timeout).get_fetchers()
            if self._fetch
            else None
        )
        self._due = time.monotonic() + (self._age if all(read) else min(_RETRY, self._age))
        return True

    @property
    def lists(self) -> tuple[CertificateList, ...]:
        """Return the lists at hand."""
        return tuple(self._lists.values())

    @property
    def fetchers(self) -> Fetchers | None:
        """Return the fetchers for the addresses that certificates name; None when that is off."""
        return self._fetchers

    def _read(self, source: str) -> bool:
        try:
            if source.startswith(("http://", "https://")):
                answer = requests.get(source, timeout=self._timeout)
                answer.raise_for_status()
                data = answer.content
            else:
                data = Path(source).read_bytes()
            self._lists[source] = parse_crl(data)
        except (OSError, ValueError):
            return False
        return True


def parse_crl(data: bytes) -> CertificateList:
    """Return the revocation list of DER or PEM bytes; raises ValueError."""
    der = pem.unarmor(data)[2] if pem.detect(data) else data
    crl = CertificateList.load(der, strict=True)
    # asn1crypto parses lazily: an error page must fail now.
    crl["tbs_cert_list"].native  # noqa: B018
    return crl
