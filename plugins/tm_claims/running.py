"""`tm run`: a command that works on a task, and the claim that lives as long as it does."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple

from tm_core.api import (
    Conflict,
    Context,
    DatabaseError,
    Param,
    TaskId,
    TmError,
    UsageError,
)

from . import leases
from .actions import TimeToLive, Token

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2")


class CommandFailed(TmError):
    """The command ran, and ended with another exit code than 0, which becomes ours."""

    code = "command_failed"

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Outcome(NamedTuple):
    """How a command ended."""

    task_id: str
    command: list[str]
    exit_code: int
    """Its own; 128 and the signal's number where a signal ended it, as shells count."""
    signal: str
    seconds: float
    failure: TmError | None

    def as_dict(self) -> dict[str, Any]:
        """Without the error, which is shown as such."""
        return {name: value for name, value in self._asdict().items() if name != "failure"}


def run(
    ctx: Context,
    task: TaskId,
    *command: Annotated[str, Param("The command and its arguments, after --")],
    ttl: TimeToLive = None,
    token: Token = None,
) -> Outcome:
    """Hold a task while a command runs: `tm run ID -- make test`.

    The task is claimed, unless you hold it already and say so by the token. The claim is renewed
    while the command lives, and given back after it; when this process is killed, it runs out. The
    command finds the task in TM_TASK_ID and the claim in TM_CLAIM_TOKEN, so that every `tm` that it
    starts writes under it. How the command ended is in the log, and its exit code becomes ours. If
    the claim is lost to somebody else, the command is asked to end (SIGTERM).

    Raises:
        Conflict: Somebody else holds the task, or took it over meanwhile.
    """
    if not command:
        raise UsageError("which command?", f"tm run {task} -- COMMAND...")
    if ctx.tasks.changes.active:
        raise UsageError("a command cannot run inside a transaction", "tm run by itself")
    hours = ctx.settings["run_ttl_hours"] if ttl is None else ttl
    lease, own = _hold(ctx, task, hours, token)
    if ctx.dry_run:
        return Outcome(task, list(command), 0, "", 0.0, None)
    started = time.monotonic()
    lost: Conflict | None = None
    try:
        process = _start(ctx, lease, command)
        with _forwarding(process):
            lost = _accompany(ctx, process, lease, hours)
        code = process.returncode
    except CommandFailed as failure:
        code, seconds = failure.exit_code, 0.0
        _record(ctx, lease, command, code, "", seconds, own=own)
        raise
    seconds = round(time.monotonic() - started, 3)
    name = signal.Signals(-code).name if code < 0 else ""
    code = 128 - code if code < 0 else code
    if lost is not None:
        raise lost
    _record(ctx, lease, command, code, name, seconds, own=own)
    ended = f"was ended by {name}" if name else f"ended with exit code {code}"
    failed = CommandFailed(f"'{shlex.join(command)[:100]}' {ended}", code) if code else None
    return Outcome(task, list(command), code, name, seconds, failed)


def _hold(ctx: Context, task: str, hours: float, token: int | None) -> tuple[leases.Lease, bool]:
    """The claim under which the command runs, and whether it was made for it."""
    with ctx.tasks.transaction():
        carried = leases.carried(ctx, task, token)
        if carried is not None:
            lease = leases.mine(ctx, task, token)
            leases.renew(ctx, lease, hours)
        else:
            leases.take(ctx, task, hours)
            from . import reservations

            reservations.warn_of_overlap(ctx, task)
        held = leases.of(ctx, task)
    if held is None:  # a dry run has taken it back
        held = leases.Lease(task, 1, ctx.actor, None, None, None, None, None)
    return held, carried is None


def _start(ctx: Context, lease: leases.Lease, command: Sequence[str]) -> subprocess.Popen[bytes]:
    environ = {
        **ctx.environ,
        "TM_TASK_ID": lease.task_id,
        "TM_CLAIM_TOKEN": str(lease.token),
        "TM_AGENT_ID": ctx.actor,
    }
    environ.pop("TM_REQUEST_ID", None)  # that of this write, not of those of the command
    sys.stdout.flush()
    try:
        # For a program, standard output is our result and nothing else.
        return subprocess.Popen(
            command, env=environ, stdout=sys.stderr.fileno() if ctx.for_program else None
        )
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        raise CommandFailed(f"'{command[0]}' cannot be run: {error.strerror}", code) from error


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass on the signals that this process gets.

    What is typed at a terminal (Ctrl-C) the command gets from there, as it is in the same group.
    """
    typed = ("SIGINT", "SIGQUIT") if sys.stdin is not None and sys.stdin.isatty() else ()

    def forward(number: int, frame: object) -> None:
        if signal.Signals(number).name not in typed and process.poll() is None:
            process.send_signal(number)

    names = _FORWARDED if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _accompany(
    ctx: Context, process: subprocess.Popen[bytes], lease: leases.Lease, hours: float
) -> Conflict | None:
    """Wait for the command and renew the claim meanwhile; gives the error that says it was lost."""
    pause = hours * 3600 / 3
    while True:
        try:
            process.wait(timeout=pause)
            return None
        except subprocess.TimeoutExpired:
            pass
        try:
            with ctx.tasks.transaction():
                leases.renew(ctx, leases.mine(ctx, lease.task_id, lease.token), hours)
        except Conflict as error:
            process.terminate()
            process.wait()
            return error
        except DatabaseError as error:  # there is time for two more tries
            ctx.warn(f"the claim of task {lease.task_id} was not renewed: {error.message}")


def _record(
    ctx: Context,
    lease: leases.Lease,
    command: Sequence[str],
    code: int,
    name: str,
    seconds: float,
    *,
    own: bool,
) -> None:
    """Write how the command ended, and give back what was claimed for it."""
    facts: dict[str, Any] = {"command": list(command), "exit_code": code, "seconds": seconds}
    if name:
        facts["signal"] = name
    with ctx.tasks.transaction():
        with ctx.event("run.finished", lease.task_id, **facts, token=lease.token):
            pass
        now = leases.of(ctx, lease.task_id)
        # The command itself may have completed the task, or given it back.
        if own and now is not None and now.held and now.token == lease.token:
            leases.give_back(ctx, now, "the command ended")
