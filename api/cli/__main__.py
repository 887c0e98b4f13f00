"""`python -m api.cli`."""

from api.cli.entry import main

main()
