"""Sanitising and encoding of names, held to the same tables as the Rust crates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apptuit import Apptuit, DataPoint, TimeSeriesName, timeseries
from apptuit.utils import (
    _contains_valid_chars,
    sanitize_name_apptuit,
    sanitize_name_prometheus,
    strtobool,
)
from tests.conftest import FIXTURES


def rows(table: str) -> list[dict[str, str]]:
    """The rows of a table of the repository, by the names of its columns."""
    lines = (FIXTURES / "names" / table).read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [dict(zip(cells[0], row)) for row in cells[1:]]


@pytest.mark.parametrize(
    "row", rows("sanitize.tsv"), ids=lambda row: f"{row['mode']} {row['input']}"
)
def test_names_are_sanitised_as_the_table_says(row: dict[str, str]) -> None:
    sanitize = {"prometheus": sanitize_name_prometheus, "apptuit": sanitize_name_apptuit}
    name = json.loads(row["input"])
    assert sanitize[row["mode"]](name) == json.loads(row["expected"])
    assert _contains_valid_chars(name) == json.loads(row["valid"])


def send_decoded(encoded: str) -> None:
    """Send under a decoded name: Python decodes a null or a container, and does not send it."""
    _, tags = timeseries.decode_metric(encoded)
    Apptuit("token", "http://127.0.0.1:9").send([DataPoint("m", tags, 1, 1)])


@pytest.mark.parametrize("row", rows("encoded.tsv"), ids=lambda row: row["encoded"])
def test_names_are_encoded_and_decoded_as_the_table_says(row: dict[str, str]) -> None:
    metric, tags, encoded = (json.loads(row[cell]) for cell in ("metric", "tags", "encoded"))
    if row["case"] == "encode":
        assert timeseries.encode_metric(metric, tags) == encoded
    if row["case"] == "refuse":
        with pytest.raises(ValueError):
            send_decoded(encoded)
    else:
        got_metric, got_tags = timeseries.decode_metric(encoded)
        as_text = {key: value for key, value in got_tags.items() if isinstance(value, str)}
        assert (got_metric, set(got_tags)) == (metric, set(tags))
        assert as_text.items() <= tags.items()


def test_blanks_around_an_encoded_name_do_not_count() -> None:
    assert timeseries.decode_metric('test {"tk1":"tv1"}  ') == ("test", {"tk1": "tv1"})
    assert timeseries.decode_metric("  padded  ") == ("padded", {})


@pytest.mark.parametrize(
    ("metric", "tags", "encoded"),
    [
        ("node.cpu", {"type": "idle"}, 'node.cpu{"type": "idle"}'),
        ("test", {"tk2": "tv2", "tk1": "tv1"}, 'test{"tk1": "tv1", "tk2": "tv2"}'),
        ("m", {}, "m{}"),
        ("é", {"k": "日本"}, 'é{"k": "\\u65e5\\u672c"}'),
        ("m", {"k": 1.5, "b": True, "n": None}, 'm{"b": true, "k": 1.5, "n": null}'),
        ("m", {"😀": "\x7f"}, 'm{"\\ud83d\\ude00": "\\u007f"}'),
    ],
)
def test_tags_are_encoded_as_sorted_json_and_come_back(
    metric: str, tags: dict[str, Any], encoded: str
) -> None:
    assert timeseries.encode_metric(metric, tags) == encoded
    assert timeseries.encode_metric(metric, tags=tags) == encoded
    assert TimeSeriesName.encode_metric(metric, metric_tags=tags) == encoded
    assert str(TimeSeriesName(metric, tags)) == encoded
    assert timeseries.decode_metric(encoded) == (metric, tags)
    assert TimeSeriesName.decode_metric(encoded) == (metric, tags)


@pytest.mark.parametrize("metric", [None, "", 5, b"m"])
def test_a_metric_that_is_no_text_cannot_be_encoded(metric: Any) -> None:
    with pytest.raises(ValueError, match="metric"):
        timeseries.encode_metric(metric, {})


@pytest.mark.parametrize("tags", [None, ["a"], "a"])
def test_tags_that_are_no_dict_cannot_be_encoded(tags: Any) -> None:
    with pytest.raises(ValueError, match="expected a dict"):
        timeseries.encode_metric("m", tags)


@pytest.mark.parametrize("encoded", ["cpu {sjd", 'm{"a":"b"', 'm{"a":"b"} tail', 'a{b{"c":1}'])
def test_broken_tags_are_refused_with_the_name(encoded: str) -> None:
    with pytest.raises(ValueError) as refused:
        timeseries.decode_metric(encoded)
    assert encoded in str(refused.value)


def test_decoded_tags_are_a_fresh_dict_each_time() -> None:
    # It is kept when it comes again.
    for _ in range(4):
        assert timeseries.decode_metric('m{"a": "b"}') == ("m", {"a": "b"})
        timeseries.decode_metric('m{"a": "b"}')[1]["poison"] = 1


def _replace(tags: dict[str, Any]) -> None:
    tags["a"] = "".join(["v", "1"])


def _reorder(tags: dict[str, Any]) -> None:
    tags["a"] = tags.pop("a")


@pytest.mark.parametrize(
    "change", [_replace, _reorder, dict.clear, dict.popitem, lambda tags: tags.update(a="v2")]
)
def test_decoded_tags_that_were_changed_and_given_back_are_forgotten(change: Any) -> None:
    encoded = f'm{{"a": "v1", "b": "{change}"}}'
    expected = [("a", "v1"), ("b", str(change))]
    for keeps_tuple in (False, True) * 4:
        answer = timeseries.decode_metric(encoded)
        assert list(answer[1].items()) == expected
        change(answer[1])
        if not keeps_tuple:
            answer = answer[1]
        again = timeseries.decode_metric(encoded)
        assert again[1] is not (answer[1] if keeps_tuple else answer)
        assert list(again[1].items()) == expected


def test_two_who_ask_for_one_name_have_tags_of_their_own() -> None:
    encoded = 'm{"both": "ask"}'
    answers = [timeseries.decode_metric(encoded) for _ in range(5)]
    assert answers == [("m", {"both": "ask"})] * 5
    assert len({id(tags) for _, tags in answers}) == 5
    tags = [timeseries.decode_metric(encoded)[1] for _ in range(5)]
    assert len({id(each) for each in tags}) == 5


def test_decoded_texts_are_not_taken_for_others_of_the_same_ends() -> None:
    ends = ("begins: ", " :ends it")
    texts = [f"{ends[0]}{n:05}{ends[1]}" for n in range(3000)] + ["x" * n for n in range(101)]
    texts += [text[:-1] + last for text in texts[-100:] for last in "yé"]
    for _ in range(2):
        for text in texts:
            encoded = timeseries.encode_metric("m", {text: text})
            assert timeseries.decode_metric(encoded) == ("m", {text: text})


def test_words_for_yes_and_no_are_known_in_any_case() -> None:
    assert [strtobool(word) for word in ("Yes", "on", "1", "NO", "f", "0")] == [1, 1, 1, 0, 0, 0]
    with pytest.raises(ValueError, match="maybe"):
        strtobool("maybe")


@pytest.mark.parametrize("sanitize", [sanitize_name_prometheus, sanitize_name_apptuit])
def test_only_text_can_be_sanitised(sanitize: Any) -> None:
    for wrong in (None, 5, b"a"):
        with pytest.raises(TypeError):
            sanitize(wrong)
