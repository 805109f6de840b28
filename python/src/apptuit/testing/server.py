"""The real server, for the time of a test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from ..apptuit_client import Apptuit
from ..exceptions import ApptuitException

if TYPE_CHECKING:
    from typing_extensions import Self

_READY = re.compile(r"http://127\.0\.0\.1:\d+")
_PATIENCE = 20.0
_TOKEN = "any-token"


class ServerMissing(ApptuitException, FileNotFoundError):
    """There is no command `apptuit` to serve with."""


def find_server() -> Path:
    """Find the command `apptuit`: `APPTUIT_BIN`, or else the one on PATH.

    Raises `ServerMissing`, which says what to do.
    """
    if given := os.environ.get("APPTUIT_BIN"):
        if Path(given).is_file():
            return Path(given)
        raise ServerMissing(f"APPTUIT_BIN is `{given}`, where there is no file")
    if found := shutil.which("apptuit"):
        return Path(found)
    raise ServerMissing(
        "no command `apptuit` on PATH: install it (`cargo install apptuit-cli`), "
        "or name it in APPTUIT_BIN"
    )


class Server:
    """Runs `apptuit serve` on a free port of the loopback interface, on an empty store.

    It is a context manager; `url` is its address. `command` is the program, by default what
    `find_server` finds; `data` the folder of the store, by default one that is deleted at the end;
    `flags` go to `apptuit serve`.
    """

    def __init__(
        self,
        command: Union[str, os.PathLike[str], None] = None,
        data: Union[str, os.PathLike[str], None] = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.command: Path = Path(command) if command is not None else find_server()
        self.url: str = ""
        self._data = data
        self._flags = tuple(flags)
        self._folder: Optional[tempfile.TemporaryDirectory[str]] = None
        self._process: Optional[subprocess.Popen[str]] = None
        self._reader: Optional[threading.Thread] = None
        # What it said last, to be told if it does not come up.
        self._said: deque[str] = deque(maxlen=50)
        self._changed = threading.Event()

    def __repr__(self) -> str:
        return f"<Server: {self.url or 'not running'}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it listens, twenty seconds at most.

        Raises `ApptuitException` with what it said if it does not.
        """
        if self._process is not None:
            return
        if self._data is None:
            self._folder = tempfile.TemporaryDirectory(prefix="apptuit-test-")
        data = self._data if self._folder is None else self._folder.name
        serve = (self.command, "serve", "--listen", "127.0.0.1:0", "--data", data)
        self._process = subprocess.Popen(
            [*map(str, serve), *self._flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        self._changed.wait(_PATIENCE)
        if not self.url:
            self.stop()
            said = "".join(self._said) or "nothing"
            raise ApptuitException(f"`{self.command} serve` did not come up; it said: {said}")

    def stop(self) -> None:
        """End it, and delete the folder that was made for it."""
        process, self._process = self._process, None
        self.url = ""
        if process is not None:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._reader is not None:
            self._reader.join(_PATIENCE)
        if process is not None and process.stdout is not None:
            process.stdout.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._reader = self._folder = None
        self._changed.clear()

    def client(self, **settings: Any) -> Apptuit:
        """Make a client of this server; `settings` are those of `Apptuit`."""
        return Apptuit(**{"token": _TOKEN, "api_endpoint": self.url, **settings})

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that lead an unchanged program to this server."""
        return {"APPTUIT_API_ENDPOINT": self.url, "APPTUIT_API_TOKEN": _TOKEN}

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Read what it says, so that it never waits for us; its address is in the first lines."""
        for line in process.stdout or ():
            self._said.append(line)
            if not self.url and (found := _READY.search(line)):
                self.url = found.group()
                self._changed.set()
        self._changed.set()
