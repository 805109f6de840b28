"""Requests that a function carries instead of the network."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Mapping
from typing import Any, Optional

import pytest

from apptuit import Apptuit, ApptuitException, ApptuitSendException, DataPoint

POINT = DataPoint("cpu.load", {"host": "h1"}, 60, 1.5)
ENDPOINT = "http://somewhere:1"
Answer = tuple[int, Optional[Mapping[str, str]], bytes]


class Script:
    """Answers in turn, or raises in turn; then says that all is well."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], bytes, float]] = []

    def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout: float
    ) -> Answer:
        self.asked.append((method, url, headers, body, timeout))
        answer = self.answers.pop(0) if self.answers else (204, {}, b"")
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]


def client(script: Any, **settings: Any) -> Apptuit:
    return Apptuit("secret", ENDPOINT, transport=script, **settings)


def test_a_function_gets_the_request_as_it_would_be_on_the_wire() -> None:
    script = Script()
    client(script).send([POINT], timeout=7)
    ((method, url, headers, body, timeout),) = script.asked
    assert (method, url) == ("POST", f"{ENDPOINT}/api/put?details")
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Encoding"] == "deflate"
    assert all(type(text) is str for pair in headers.items() for text in pair)
    assert type(body) is bytes
    assert json.loads(zlib.decompress(body))[0]["metric"] == "cpu_load"
    assert 0 < timeout <= 7


def test_a_query_is_answered_by_the_function() -> None:
    body = {"outputs": [{"id": "a", "result": [{"metric": "m", "tags": {}, "dps": [[1, 2]]}]}]}
    packed = zlib.compress(json.dumps(body).encode())
    script = Script((200, {"content-encoding": "deflate"}, packed))
    assert client(script).query("q", 0, 5)["a"].series[0].values == [2.0]
    assert script.asked[0][:2] == ("GET", f"{ENDPOINT}/api/query?start=0&end=5&q=q")


@pytest.mark.parametrize("body", [b"", bytearray(), memoryview(b"")])
@pytest.mark.parametrize("headers", [None, {}, {"x": "y"}])
def test_an_answer_may_have_no_headers_and_any_kind_of_bytes(body: Any, headers: Any) -> None:
    client(Script((200, headers, body))).send([POINT])


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ConnectionError("gone"), ConnectionError),
        (ConnectionResetError("gone"), ConnectionError),
        (TimeoutError("late"), TimeoutError),
        (ZeroDivisionError("odd"), ApptuitSendException),
    ],
)
def test_what_the_function_raises_is_the_failure_it_names(
    raised: Exception, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=r"gone|late|1 points") as failed:
        client(Script(raised)).send([POINT])
    assert isinstance(failed.value, ApptuitException)
    assert failed.value.__cause__ is raised
    assert type(raised).__name__ in failed.value.msg
    with pytest.raises(ApptuitException, match=type(raised).__name__) as failed:
        client(Script(raised)).query("q", 0)
    assert failed.value.__cause__ is raised


def test_only_failures_that_may_pass_are_tried_again() -> None:
    for passing in (ConnectionError("a"), TimeoutError("b"), (503, {"Retry-After": "0"}, b"")):
        script = Script(passing)
        client(script).send([POINT], retry_count=1)
        first, second = script.asked
        assert first[3] == second[3]
    script = Script(ZeroDivisionError())
    with pytest.raises(ApptuitSendException):
        client(script).send([POINT], retry_count=3)
    assert len(script.asked) == 1


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_is_no_failure_of_a_request(raised: type[BaseException]) -> None:
    with pytest.raises(raised):
        client(Script(raised())).send([POINT], retry_count=3)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        204,
        (204, {}),
        ("204", {}, b""),
        (99, {}, b""),
        (204, {}, "text"),
        (204, {"a": 1}, b""),
        (204, 5, b""),
    ],
)
def test_an_answer_of_another_form_is_told(answer: Any) -> None:
    with pytest.raises(ApptuitSendException) as failed:
        client(Script(answer)).send([POINT])
    assert "expected a status, headers and a body of bytes" in failed.value.msg


def test_what_is_no_function_is_refused() -> None:
    for kind in (TypeError, ValueError, ApptuitException):
        with pytest.raises(kind, match="transport"):
            client(5)


def test_threads_may_call_at_once_and_each_gets_its_own_cause() -> None:
    both = threading.Barrier(2)

    def failing(_method: str, _url: str, headers: dict[str, str], *_: Any) -> Answer:
        both.wait(10)
        raise ZeroDivisionError(threading.current_thread().name)

    shared = client(failing)
    causes = {}

    def send() -> None:
        with pytest.raises(ApptuitSendException) as failed:
            shared.send([POINT])
        causes[threading.current_thread().name] = str(failed.value.__cause__)

    threads = [threading.Thread(target=send, name=name) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert causes == {"one": "one", "two": "two"}


def test_a_function_may_use_the_client_that_calls_it() -> None:
    inner = Script()

    def outer(*_: Any) -> Answer:
        client(inner).send([POINT])
        return 204, None, b""

    client(outer).send([POINT])
    assert len(inner.asked) == 1
