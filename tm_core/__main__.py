"""`python -m tm_core` is `tm`."""

from .command_line.cli import main

main()
