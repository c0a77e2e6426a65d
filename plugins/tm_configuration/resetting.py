"""Beginning anew with the defaults: the configuration file is moved aside and kept."""

from __future__ import annotations

import os

from tm_core.api import ConfigError


def set_aside(path: str, *, dry_run: bool = False) -> str | None:
    """Move the file aside, valid or not, and give its new path; None if there is none.

    An earlier copy is kept: `config.yaml.bak`, then `config.yaml.bak2`. Raises ConfigError if the
    folder cannot be written.
    """
    if not os.path.lexists(path):
        return None
    target, number = f"{path}.bak", 1
    while os.path.lexists(target):
        number += 1
        target = f"{path}.bak{number}"
    if not dry_run:
        try:
            os.rename(path, target)
        except OSError as error:
            raise ConfigError(
                f"{path}: {error.strerror}", "check the permissions of file and folder"
            ) from error
    return target
