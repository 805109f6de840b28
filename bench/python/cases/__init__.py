"""What is measured, by name: each case is made once and sampled often.

A case is the same code on both sides, since ours stands in for the other; where a side has a way
of its own, that is said.
"""

from . import instruments, names, peers, querying, registry, reporting, sending
from .case import CASES

__all__ = [
    "CASES",
    "instruments",
    "names",
    "peers",
    "querying",
    "registry",
    "reporting",
    "sending",
]
