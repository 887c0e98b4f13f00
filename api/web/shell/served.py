"""What the pages are served with: the headers of every page, and the static files."""

from collections.abc import Mapping
from pathlib import Path

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# A page that scans reads the camera's frames with a decoder in WebAssembly.
SCANNING = {
    **HEADERS,
    "Content-Security-Policy": CSP.replace(
        "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'"
    ),
}
_HERE = Path(__file__).parents[1]


def _vendor(name: str, source: str) -> Path:
    """Return a foreign script, from the wheel that carries it or a checkout's packages."""
    carried = _HERE / "static" / "vendor" / name
    return carried if carried.is_file() else _HERE.parents[1] / "node_modules" / source


STATIC: Mapping[str, tuple[Path, str]] = {
    "desk.css": (_HERE / "static/desk.css", "text/css"),
    "paper.css": (_HERE / "static/paper.css", "text/css"),
    "scan.js": (_HERE / "static/scan.js", "text/javascript"),
    "camera.js": (_HERE / "static/camera.js", "text/javascript"),
    "window.css": (_HERE / "static/window.css", "text/css"),
    "window.js": (_HERE / "static/window.js", "text/javascript"),
    "use.css": (_HERE / "static/use.css", "text/css"),
    "arrange.css": (_HERE / "static/arrange.css", "text/css"),
    "compile.js": (_HERE / "static/compile.js", "text/javascript"),
    "pool.js": (_HERE / "static/pool.js", "text/javascript"),
    "proof.js": (_HERE / "static/proof.js", "text/javascript"),
    "print.css": (_HERE / "static/print.css", "text/css"),
    "desk.js": (_HERE / "static/desk.js", "text/javascript"),
    "lists.js": (_HERE / "static/lists.js", "text/javascript"),
    "room.js": (_HERE / "static/room.js", "text/javascript"),
    "manual.css": (_HERE / "static/manual.css", "text/css"),
    "light.css": (_HERE / "static/light.css", "text/css"),
    "light.js": (_HERE / "static/light.js", "text/javascript"),
    "check.js": (_HERE / "static/check.js", "text/javascript"),
    "upload.js": (_HERE / "static/upload.js", "text/javascript"),
    "seal.svg": (_HERE / "static/seal.svg", "image/svg+xml"),
    "zxing.js": (_vendor("zxing.js", "zxing-wasm/dist/iife/reader/index.js"), "text/javascript"),
    "zxing_reader.wasm": (
        _vendor("zxing_reader.wasm", "zxing-wasm/dist/reader/zxing_reader.wasm"),
        "application/wasm",
    ),
    "htmx.js": (_vendor("htmx.min.js", "htmx.org/dist/htmx.min.js"), "text/javascript"),
}


def static_files() -> dict[str, tuple[bytes, str]]:
    """Return the static files that are there, each with its bytes and media type."""
    return {
        name: (path.read_bytes(), media) for name, (path, media) in STATIC.items() if path.is_file()
    }
