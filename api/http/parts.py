"""One part of a file that is sent in parts, by the station API or by a page."""

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.http.problems import ProblemError
from ingest.captures.parts import store_part
from storage.blobs import BlobStore

_ACTION = "请按 part_size 分块，末块为余数。"


async def receive_part(
    store: BlobStore, upload: str, size: int, part: int, request: Request
) -> None:
    """Read the body of a part, which must have `size` bytes, and store it.

    Never holds more than one piece beyond that in memory. A `size` below 1 means that the file has
    no such part. Raises ProblemError BAD_PART_SIZE; KEY_TAKEN comes from the store when other
    bytes lie in its place.
    """
    if size < 1:
        raise ProblemError(422, "BAD_PART_SIZE", "没有这一块。", _ACTION)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > size:
            raise ProblemError(413, "BAD_PART_SIZE", "该块大于应有的大小。", _ACTION)
    if len(body) != size:
        raise ProblemError(422, "BAD_PART_SIZE", "该块小于应有的大小。", _ACTION)
    await run_in_threadpool(store_part, store, upload, part, bytes(body))
