"""The conversion of foreign PDFs in this process, where a test's own files need no sandbox."""

from archive.compile.normalise import PLACE, answer_place, answer_redraw


def in_process(task: str, order: bytes) -> bytes | str:
    """Answer an order as the child of the sandbox does."""
    return answer_place(order) if task == PLACE else answer_redraw(order)
