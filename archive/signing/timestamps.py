"""Time-stamps (RFC 3161); none is used unchecked: imprint, nonce, signature, trust."""

from collections.abc import Callable

from asn1crypto import tsp
from asn1crypto.cms import ContentInfo
from pyhanko.sign.general import CMSExtractionError
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.timestamps.requests_client import RequestsHTTPTimeStamper
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from archive.signing.seal_errors import TimestampUntrustedError


def http_timestamper(
    url: str, user: str = "", password: str = "", timeout: float = 10
) -> TimeStamper:
    """Return a time-stamping authority at an address."""
    return RequestsHTTPTimeStamper(url, timeout=timeout, auth=(user, password) if user else None)


class CheckedTimeStamper(TimeStamper):
    """A time-stamper that asks `source` and checks every answer.

    PyHanko compares the nonce only, so a stamp over other bytes would pass into the volume. A wrong
    answer raises TimestampRequestError, as if none had come; an authority that is not trusted
    raises TimestampUntrustedError.
    """

    def __init__(self, source: TimeStamper, context: Callable[[], ValidationContext]) -> None:
        """Keep the source; `context` returns the trust to check with."""
        super().__init__()
        self._source, self._context = source, context

    def forget(self) -> None:
        """Clear pyHanko's cached response and certificates of the authority.

        The next stamp asks anew which certificates it will bear; pyHanko asks once and keeps them
        for good.
        """
        self._dummy_response_cache.clear()
        self._certs.clear()

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> ContentInfo:
        """Return a checked token over this digest."""
        nonce, request = self._source.request_cms(message_digest, md_algorithm)
        try:
            response = await self._source.async_request_tsa_response(request)
            token, info = _opened(response)
            imprint = info["message_imprint"]
            same = (
                imprint["hashed_message"].native,
                imprint["hash_algorithm"]["algorithm"].native,
            ) == (message_digest, md_algorithm)
            if not same or (nonce is not None and info["nonce"].native != int(nonce)):
                raise TimestampRequestError("time-stamp over other bytes or for another request")
            kwargs = await validate_tst_signed_data(
                token["content"], self._context(), lambda _algorithm: message_digest
            )
            status = TimestampSignatureStatus(**kwargs)
        except (
            ValueError,
            TypeError,
            KeyError,
            SignatureValidationError,
            CMSExtractionError,
        ) as error:
            raise TimestampRequestError("malformed time-stamp") from error
        if not (status.intact and status.valid):
            raise TimestampRequestError("time-stamp with a broken signature")
        if not status.trusted:
            raise TimestampUntrustedError("时间戳机构不受信任或已被吊销，未采用其时间戳。")
        return token


def _opened(response: tsp.TimeStampResp) -> tuple[ContentInfo, tsp.TSTInfo]:
    if response["status"]["status"].native not in {"granted", "granted_with_mods"}:
        raise TimestampRequestError("time-stamp refused")
    token = response["time_stamp_token"]
    info = token["content"]["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise TimestampRequestError("no time-stamp in the answer")
    return token, info
