"""The keeping of volumes for decades.

Fixity, replicas, verification, renewal, backup, rebuild, key rotation.
"""
