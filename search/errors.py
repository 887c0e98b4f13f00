"""The errors of searching.

Each carries a stable code and says in Chinese what happened and what to do next.
"""


class SearchError(Exception):
    """The base of all search errors; no message repeats what was typed."""

    code = "SEARCH_ERROR"

    def __init__(self, message: str, action: str) -> None:
        """Keep what happened and the next step."""
        super().__init__(f"{message} {action}")
        self.message = message
        self.action = action


class QueryError(SearchError):
    """A query that is too long, nested too deep, or that the reader may not ask."""

    code = "BAD_QUERY"


class BadCursorError(SearchError):
    """A page mark that this search never gave out, or gave out for another order."""

    code = "BAD_CURSOR"


class NoIndexError(SearchError):
    """There is no index yet, or one of another schema or engine."""

    code = "NO_INDEX"


class WriterBusyError(SearchError):
    """Another process writes this index."""

    code = "INDEX_WRITER_BUSY"
