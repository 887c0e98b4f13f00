"""Keeping volumes for decades: fixity, replicas, verification, renewal, backup, rebuild, key rotation."""
