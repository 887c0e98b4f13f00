"""The records: vocabulary, rules, acts, custody, journal, database."""
