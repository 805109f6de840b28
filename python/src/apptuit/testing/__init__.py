"""What a program's own tests need: a clock that stands still, a recorder, a server.

from apptuit.testing import Recorder

recorder = Recorder()
accept_order(recorder.client())
recorder.assert_sent("orders_accepted", 1, city="blr")

Nothing here needs pytest. With it, the fixtures `apptuit_clock`, `apptuit_recorder` and
`apptuit_server` are there as soon as the package is installed.
"""

from .clock import ManualClock
from .recorder import Point, Recorder, Request
from .server import Server, ServerMissing, find_server

__all__ = [
    "ManualClock",
    "Point",
    "Recorder",
    "Request",
    "Server",
    "ServerMissing",
    "find_server",
]
