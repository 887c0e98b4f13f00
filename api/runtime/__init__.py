"""Settings and what is built from them: engine, store, broker, seals, logs, processes."""
