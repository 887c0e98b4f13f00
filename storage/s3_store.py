"""S3 as a BlobStore through the minio client: conditional put, versions, object lock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast
from urllib.parse import SplitResult, urlunsplit
from uuid import uuid4

import urllib3
from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.credentials import Credentials
from minio.error import MinioException, S3Error
from minio.retention import Retention
from minio.signer import sign_v4_s3
from minio.versioningconfig import ENABLED, VersioningConfig

from storage.blobs import Stat, checked_key, probe_write_once
from storage.digest import VerifyingReader, sha256_hex, verified
from storage.errors import (
    BadKeyError,
    KeyTakenError,
    MissingError,
    PinnedError,
    StorageError,
    StoreUnavailableError,
    StoreUnfitError,
)

_REGION = "us-east-1"
_SSE = "x-amz-server-side-encryption"
_TAKEN = (409, 412)
_GONE = {"NoSuchKey", "NoSuchVersion", "NotFound", "MethodNotAllowed"}
_OVERLOADED = (500, 502, 503, 504)
_TIMEOUT = urllib3.Timeout(connect=5, read=60)


class S3Store:
    """A BlobStore in one bucket, made with object lock when it is not there.

    Any S3 with conditional put, versions and lock will do.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        *,
        secure: bool = True,
        sse: str = "",
    ) -> None:
        """Connect to `endpoint` (host:port).

        With `sse` (`AES256` or `aws:kms`) the store is told to encrypt what it keeps.
        """
        # Every request may be sent again: a put is conditional, so a second one changes nothing.
        retries = urllib3.Retry(
            3,
            backoff_factor=0.2,
            allowed_methods=None,
            status_forcelist=_OVERLOADED,
            raise_on_status=False,
        )
        self._http = urllib3.PoolManager(timeout=_TIMEOUT, maxsize=8, retries=retries)
        self._client = Minio(
            endpoint,
            access_key=access_key,
            secret_key=secret_key,
            secure=secure,
            region=_REGION,
            http_client=self._http,
        )
        self._credentials = Credentials(access_key, secret_key)
        self._base = SplitResult("https" if secure else "http", endpoint, "", "", "")
        self._bucket, self._sse = bucket, sse
        with _storage_errors(bucket):
            if not self._client.bucket_exists(bucket_name=bucket):
                self._client.make_bucket(bucket_name=bucket, object_lock=True)
            self._client.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))

    @property
    def locks(self) -> bool:
        """Return True: a lock in COMPLIANCE mode is nobody's to lift."""
        return True

    def put_new(
        self,
        key: str,
        data: bytes,
        *,
        media_type: str = "application/octet-stream",
        retain_until: datetime | None = None,
    ) -> Stat:
        """Write an object once.

        The client's own put can't send If-None-Match, hence a presigned one over its pool
        (volume.md, effect 4).
        """
        digest = sha256_hex(data)
        answer = self._put(checked_key(key), data, digest, media_type)
        if answer.status in _TAKEN:
            # Also our own earlier try, whose answer was lost on the way: the bytes decide.
            if sha256_hex(self.read(key, sha256=None)) != digest:
                raise KeyTakenError(f"对象已存在且内容不同：{key}。")
        elif answer.status in _OVERLOADED:
            raise StoreUnavailableError(f"对象存储答复 {answer.status}。")
        elif answer.status >= 300:  # noqa: PLR2004 - HTTP
            raise StorageError(f"对象存储答复 {answer.status}。")
        if retain_until:
            self.pin(key, retain_until)
        return self._known(key)

    def read(self, key: str, *, sha256: str | None = None) -> bytes:
        """Read the whole object, verified."""
        answer = self._get(key)
        try:
            with _storage_errors(key):
                data = bytes(answer.read())
            expected = sha256 or answer.headers.get("x-amz-meta-sha256") or ""
        finally:
            answer.close()
            answer.release_conn()
        return verified(data, expected, key)

    @contextmanager
    def open(self, key: str, *, sha256: str | None = None) -> Iterator[BinaryIO]:
        """Yield the object as a stream, verified at its end."""
        answer = self._get(key)
        try:
            yield cast(
                "BinaryIO",
                VerifyingReader(
                    answer, sha256 or answer.headers.get("x-amz-meta-sha256") or "", key
                ),
            )
        except urllib3.exceptions.HTTPError:
            raise StoreUnavailableError(f"对象没有读完：{key}。") from None
        finally:
            answer.close()
            answer.release_conn()

    def stat(self, key: str) -> Stat | None:
        """Return what is known of the object, None when there is none."""
        try:
            return self._known(key)
        except MissingError:
            return None

    def list(self, prefix: str, after: str = "") -> Iterator[Stat]:
        """Yield every object under the prefix, in order of key, as S3 lists."""
        listed = iter(
            self._client.list_objects(
                bucket_name=self._bucket,
                prefix=prefix,
                recursive=True,
                start_after=after or None,
            )
        )
        while True:
            with _storage_errors(prefix):
                entry = next(listed, None)
            if entry is None:
                return
            known = self.stat(entry.object_name or "")
            if known:
                yield known

    def folders(self) -> tuple[str, ...]:
        """Return the first parts of all keys, in order, as S3 groups them."""
        with _storage_errors(""):
            listed = self._client.list_objects(bucket_name=self._bucket)
            return tuple(
                sorted({entry.object_name.rstrip("/") for entry in listed if entry.object_name})
            )

    def strays(self) -> Iterator[str]:
        """Yield nothing: whatever lies in a bucket is an object, and is listed."""
        return iter(())

    def pin(self, key: str, until: datetime) -> None:
        """Lock the object in COMPLIANCE mode until a time."""
        known = self._known(key)
        config = Retention(COMPLIANCE, until)
        with _storage_errors(key):
            self._client.set_object_retention(
                bucket_name=self._bucket,
                object_name=key,
                config=config,
                version_id=known.version or None,
            )

    def swap(self, key: str, version: str, data: bytes) -> Stat:
        """Write a further version over this one, then remove this one.

        A kill in between leaves the old version behind the new.
        """
        media_type = self._free(key, version).media_type
        answer = self._put(checked_key(key), data, sha256_hex(data), media_type, new=False)
        if answer.status >= 300:  # noqa: PLR2004 - HTTP
            raise (StoreUnavailableError if answer.status in _OVERLOADED else StorageError)(
                f"对象存储答复 {answer.status}。"
            )
        with _storage_errors(key):
            self._client.remove_object(
                bucket_name=self._bucket, object_name=key, version_id=version
            )
        return self._known(key)

    def _free(self, key: str, version: str) -> Stat:
        """Return what lies there, when it is this version and not locked."""
        known = self._known(key)
        if not version or known.version != version:
            raise BadKeyError(f"没有这个版本：{key}。")
        lock = self._lock(key, version)
        if lock and lock > datetime.now(UTC):
            raise PinnedError(f"对象在锁定期内：{key}。")
        return known

    def discard(self, key: str, version: str) -> None:
        """Delete exactly this version."""
        self._free(key, version)
        with _storage_errors(key):
            self._client.remove_object(
                bucket_name=self._bucket, object_name=key, version_id=version
            )

    def probe(self) -> None:
        """Raise StoreUnfitError unless the store keeps its guarantees.

        Overwriting must be refused, and what is kept must be encrypted when that was asked for.
        """
        probe_write_once(self)
        if not self._sse:
            return
        known = self.put_new(f"probe/{uuid4().hex}", b"encrypted?")
        metadata = (
            self._client.stat_object(bucket_name=self._bucket, object_name=known.key).metadata or {}
        )
        self.discard(known.key, known.version)
        if metadata.get(_SSE) != self._sse:
            raise StoreUnfitError(
                "该存储没有按要求加密所写入的对象。",
                "请在存储服务上启用服务端加密，或取消 YICE_S3_SSE。",
            )

    def _put(
        self,
        key: str,
        data: bytes,
        digest: str,
        media_type: str,
        *,
        new: bool = True,
    ) -> Any:  # noqa: ANN401 - urllib3's response
        """Send a signed PUT, conditional when the object must be `new`.

        It is signed by the client's own signer: the client's `put_object` would send the
        condition as user metadata.
        """
        now = datetime.now(UTC)
        headers: dict[str, str | list[str] | tuple[str]] = {
            "Host": self._base.netloc,
            **({"If-None-Match": "*"} if new else {}),
            "Content-Type": media_type,
            "x-amz-content-sha256": digest,
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-meta-sha256": digest,
            **({_SSE: self._sse} if self._sse else {}),
        }
        url = self._base._replace(path=f"/{self._bucket}/{key}")
        signed = sign_v4_s3(
            method="PUT",
            url=url,
            region=_REGION,
            headers=headers,
            credentials=self._credentials,
            content_sha256=digest,
            date=now,
        )
        with _storage_errors(key):
            return self._http.request(
                "PUT",
                urlunsplit(url),
                body=data,
                headers={name: str(value) for name, value in signed.items()},
            )

    def _lock(self, key: str, version: str) -> datetime | None:
        try:
            retention = self._client.get_object_retention(
                bucket_name=self._bucket, object_name=key, version_id=version
            )
        except S3Error:
            return None
        return retention.retain_until_date if retention else None

    def _get(self, key: str) -> Any:  # noqa: ANN401 - urllib3's response
        with _storage_errors(key):
            return self._client.get_object(bucket_name=self._bucket, object_name=checked_key(key))

    def _known(self, key: str) -> Stat:
        with _storage_errors(key):
            answer = self._client.stat_object(
                bucket_name=self._bucket, object_name=checked_key(key)
            )
        digest = (answer.metadata or {}).get("x-amz-meta-sha256", "")
        return Stat(
            key, answer.size or 0, digest, answer.version_id or "", answer.content_type or ""
        )


@contextmanager
def _storage_errors(key: str) -> Iterator[None]:
    """Turn every failure of the client or of the connection into a StorageError.

    A store that can't be asked never makes an object count as missing.
    """
    try:
        yield
    except S3Error as error:
        raise _storage_error(error, key) from None
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreUnavailableError(
            f"对象存储没有答复（{type(error).__name__}）：{key}。"
        ) from None


def _storage_error(error: S3Error, key: str) -> StorageError:
    if error.code in _GONE:
        return MissingError(f"对象缺失：{key}。")
    overloaded = error.response is not None and error.response.status in _OVERLOADED
    return (StoreUnavailableError if overloaded else StorageError)(f"对象存储答复 {error.code}。")
