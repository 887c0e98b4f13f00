"""The picture of an organisation's round seal, for the visible signature on the cover.

It is a PDF/A vector with embedded fonts.
"""

from functools import lru_cache

from archive.compile.sheets import compile_template


@lru_cache(maxsize=512)
def seal_pdf(
    owner_name: str,
    demo: bool,  # noqa: FBT001
    sub_text: str = "户口专用章",
) -> bytes:
    """Return one transparent page of 42 mm x 42 mm as PDF/A-2u.

    `demo` adds 演示, so that no picture passes for a real seal.
    """
    return compile_template("seal.typ", {"owner": owner_name, "demo": demo, "sub": sub_text})
