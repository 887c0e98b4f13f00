"""Foreign files in the sandbox: formats, safety, legibility, likeness, signatures, text."""
