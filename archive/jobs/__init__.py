"""Work that outlives a process: leases, duties, the feed of the index, and what reconciles them."""
