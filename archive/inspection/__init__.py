"""四性检测 (DA/T 70-2018): authenticity, integrity, usability and safety, each check one pure function, all of them in one table."""
