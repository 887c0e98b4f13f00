"""四性检测 (DA/T 70-2018): authenticity, integrity, usability and safety.

Each check is a pure function; all of them are in one table.
"""
