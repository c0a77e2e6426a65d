"""The console script `tm`, which `python -m tm_core` is as well."""

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, and leave with its exit code."""
    # What is imported stays to the end: looking for garbage in it is a twentieth of a short run.
    gc.disable()
    from .command_line.cli import main as command_line

    gc.freeze()
    # Rows come and go by thousands, and hardly any of them in circles.
    gc.set_threshold(20_000)
    gc.enable()
    command_line()


if __name__ == "__main__":
    main()
