"""档案利用: requests, approvals, certified copies."""
