"""`python -m turncoat`."""

from .cli import main

main()
