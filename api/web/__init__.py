"""The archivist's desk: server-rendered pages over the same acts as the command line."""
