"""Server-rendered pages for archivists, over the same acts as the command line."""
