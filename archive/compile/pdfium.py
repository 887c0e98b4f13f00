"""The lock around pdfium, which is not thread-safe.

Code that draws or reads with it in a process of several threads takes this one lock first.
"""

from threading import Lock

PDFIUM_LOCK = Lock()
