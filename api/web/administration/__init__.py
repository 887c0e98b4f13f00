"""系统管理: accounts, status, journal, settings."""
