"""Accounts, the access policy, what is configured, and what each account was shown in a day."""
