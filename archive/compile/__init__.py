"""How a case becomes one signed, proven PDF/A volume: plan, sheets, scans, normalise, assemble, seal, prove."""
