"""Work that outlives a process: leases, duties, the index feed, and the clean-up."""
