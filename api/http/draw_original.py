"""Draws one page of a foreign file from stdin to stdout, as a child process with limits.

A malicious file may end this process, but not the server (guard.md).
"""

import resource
import sys
from io import BytesIO

import pypdfium2
from PIL import Image, ImageOps

_MEMORY, _CPU_SECONDS = 2 << 30, 20


def draw(data: bytes, page: int, width: int) -> Image.Image:
    """Return page `page` (from 1) of a PDF, or a frame of an image, `width` pixels wide."""
    if data.startswith(b"%PDF"):
        sheet = pypdfium2.PdfDocument(data)[page - 1]
        picture: Image.Image = sheet.render(scale=width / sheet.get_width()).to_pil()
    else:
        picture = Image.open(BytesIO(data))
        picture.seek(page - 1)
        picture = ImageOps.exif_transpose(picture)
        picture.thumbnail((width, width * 2))
    return picture.convert("RGB")


def main() -> None:
    """Set the limits, then read and draw the file."""
    Image.init()
    for resource_id, limit in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(resource_id, (limit, limit))
    out = BytesIO()
    draw(sys.stdin.buffer.read(), int(sys.argv[1]), int(sys.argv[2])).save(
        out, "WEBP", quality=78, method=1
    )
    sys.stdout.buffer.write(out.getvalue())


if __name__ == "__main__":
    main()
