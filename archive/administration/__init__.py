"""Accounts and logins, the access policy, configuration, and the daily use of accounts."""
