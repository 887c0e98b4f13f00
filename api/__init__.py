"""The doors: command line, worker, HTTP. The only place that reads settings, wires adapters and commits."""
