"""`python -m tm_core` is `tm`."""

from .cli import main

main()
