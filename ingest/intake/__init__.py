"""From a package to an accession or the quarantine."""
