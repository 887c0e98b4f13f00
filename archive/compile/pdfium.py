"""pdfium knows no threads: whoever draws or reads with it in a process that has several takes this one lock first."""

from threading import Lock

ALONE = Lock()
