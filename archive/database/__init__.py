"""The engine for both databases, the tables by subject, column encryption and migrations."""

# All tables share one metadata: a foreign key needs both of its tables to be imported, whichever
# module is imported first.
from archive.database import (  # noqa: F401
    tables_administration,
    tables_audit,
    tables_cases,
    tables_checks,
    tables_desk,
    tables_exchange,
    tables_gathering,
    tables_jobs,
    tables_paper,
    tables_preservation,
    tables_printing,
    tables_recognition,
    tables_usage,
    tables_volumes,
    tables_window,
)
