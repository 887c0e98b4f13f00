"""The first lines of `yice`: from here on Ctrl-C is one sentence, however early it comes.

Loading the rest takes a second or more, in which an interruption would print where it was.
"""

import signal
import sys
from types import FrameType

INTERRUPTED = 130
SENTENCE = "已中断。 可再次运行同一命令，会从中断处继续，已完成的不会重做。"


def main() -> None:
    """Load the command line and run it; interrupted meanwhile, say so and end with 130."""
    signal.signal(signal.SIGINT, interrupt_once)
    try:
        from api.cli.main import main as run  # noqa: PLC0415 - what takes long is loaded here
    except KeyboardInterrupt:
        sys.stderr.write(f"INTERRUPTED {SENTENCE}\n")
        sys.exit(INTERRUPTED)
    run()


def interrupt_once(number: int, frame: FrameType | None) -> None:
    """Interrupt the command the first time; a second time would cut its tidying up short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.default_int_handler(number, frame)
