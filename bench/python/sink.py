"""A server that answers at once: 204 to a put, a prepared answer to a query.

It is a process of its own. `/SIDE` in front of a path keeps the sides apart, and `/SIDE/received`
tells what came from one last: how large the body was, how many points it had, and a digest of
them, so that a wrong body is noticed. Bodies are looked at then, and not while others measure.
"""

import hashlib
import json
import socket
import sys
import threading
import zlib
from collections import defaultdict, deque

import data

# What a reporter tells of itself; how that is grouped into bodies differs.
META = "apptuit_reporter_"

# A reporter may send its meta metrics in a body of their own.
kept: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=4))


def received(bodies: deque[bytes]) -> bytes:
    packed = max(bodies, key=len, default=zlib.compress(b"[]"))
    raw = zlib.decompress(packed)
    points = [p for p in json.loads(raw) if not p["metric"].startswith(META)]
    lines = sorted(
        json.dumps(
            [p["metric"], p["tags"], p["timestamp"], float(p["value"])], sort_keys=True
        )
        for p in points
    )
    series = sorted(
        {json.dumps([p["metric"], p["tags"]], sort_keys=True) for p in points}
    )
    told = {
        "packed": len(packed),
        "raw": len(raw),
        "points": len(points),
        "content": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        "series": hashlib.sha256("\n".join(series).encode()).hexdigest(),
    }
    return json.dumps(told).encode()


class Answers:
    """Answers to queries, made when they are first asked for."""

    def __init__(self) -> None:
        self._made: dict[bool, bytes] = {}

    def get(self, differing: bool) -> bytes:
        if differing not in self._made:
            self._made[differing] = data.answer(differing)
        return self._made[differing]


def serve(connection: socket.socket, answers: Answers) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb", buffering=1 << 16) as stream:
        while request := stream.readline():
            length = 0
            while line := stream.readline().strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = stream.read(length)
            _, side, path = request.split()[1].decode().split("/", 2)
            if path.startswith("api/put"):
                kept[side].append(body)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                continue
            if path.startswith("api/query"):
                # The start tells which answer is wanted.
                answer = answers.get(differing="start=2" in path)
            else:
                answer = received(kept[side])
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(answer)}\r\n\r\n".encode())
            connection.sendall(answer)


def main() -> None:
    answers = Answers()
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
        # It ends with the process that started it.
        threading.Thread(target=listen, args=(server, answers), daemon=True).start()
        sys.stdin.read()


def listen(server: socket.socket, answers: Answers) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection, answers), daemon=True).start()


if __name__ == "__main__":
    main()
