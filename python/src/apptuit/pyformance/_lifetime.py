"""Reporters while their process forks, ends, or is told to end."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
import weakref
from types import FrameType
from typing import TYPE_CHECKING, Any, Optional

from .. import _native
from ..exceptions import ApptuitValueError

if TYPE_CHECKING:
    from .apptuit_reporter import ApptuitReporter

# Seconds that stopping may take.
STOP_TIMEOUT = 5.0

_made: weakref.WeakSet[ApptuitReporter] = weakref.WeakSet()
_running: set[ApptuitReporter] = set()
# What was there before the handler below.
_before_sigterm: Any = None


def made(reporter: ApptuitReporter) -> None:
    """Look after a reporter when the process forks."""
    _made.add(reporter)


def started(reporter: ApptuitReporter) -> None:
    """Look after a reporter when the process ends."""
    _running.add(reporter)
    # Registered last, called first: before what the program imported until now is torn down.
    atexit.unregister(stop_all)
    atexit.register(stop_all)
    _join_pools()


def stopped(reporter: ApptuitReporter) -> None:
    """End what `started` began."""
    _running.discard(reporter)


def stop_all(*_: Any, **__: Any) -> None:
    """Stop the reporters that run, all at the same time."""
    # They tell their native halves what there is to report: they have to outlive the last report.
    reporters = list(_running)
    stopping = [native for reporter in reporters if (native := reporter._take()) is not None]
    if stopping:
        _native.stop_all(stopping, STOP_TIMEOUT)


# ---- Forks.


def _in_child() -> None:
    _native.after_fork_in_child()
    for reporter in list(_made):
        try:
            reporter._forked()
        except Exception:
            # A child without metrics is better than none.
            traceback.print_exc()
    if _running:
        _join_pools()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_native.before_fork,
        after_in_parent=_native.after_fork_in_parent,
        after_in_child=_in_child,
    )

# Modules whose processes end without `atexit`, and that know of this one.
_joined: set[str] = set()


def _join_pools() -> None:
    """Have the processes of multiprocessing and Celery stop their reporters when they end."""
    for name in ("multiprocessing.util", "billiard.util"):
        util: Any = sys.modules.get(name)
        if util is not None and name not in _joined:
            _joined.add(name)
            util.register_after_fork(util, _in_process_of)
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None and "celery" not in _joined:
        _joined.add("celery")
        signals.worker_process_shutdown.connect(stop_all, weak=False)


def _in_process_of(util: Any) -> None:
    """Begin in a process that multiprocessing has just forked, which forgot all finalizers."""
    util.Finalize(None, stop_all, exitpriority=100)


# ---- SIGTERM.


def flush_on_sigterm() -> None:
    """Have SIGTERM flush reporters that ask for it, and then do what it did before."""
    global _before_sigterm
    before = signal.getsignal(signal.SIGTERM)
    if before is _on_sigterm:
        return
    if before is None:
        raise ApptuitValueError(
            "flush_on_sigterm: SIGTERM has a handler that Python does not know and could not call"
        )
    if threading.current_thread() is not threading.main_thread():
        raise ApptuitValueError(
            "flush_on_sigterm: expected `start` on the main thread, where signals are handled"
        )
    _before_sigterm = before
    signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, frame: Optional[FrameType]) -> None:
    for reporter in list(_running):
        if reporter.flush_on_sigterm:
            try:
                reporter.flush(STOP_TIMEOUT)
            except Exception:
                traceback.print_exc()
    if callable(_before_sigterm):
        _before_sigterm(number, frame)
    elif _before_sigterm == signal.SIG_DFL:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
