"""A transfer that was cut short goes on where it stopped, unless the file may be another one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.io.fetch.conftest import NAME, get, good


def test_a_body_cut_short_is_resumed(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME], web.tags[NAME] = packed, '"one"'
    web.plan[NAME] = [lambda handler: handler.give(packed, sent=1000)]
    assert get(web, tmp_path).fetched and good(tmp_path, packed)
    assert web.headers(1)["Range"] == "bytes=1000-" and web.headers(1)["If-Range"] == '"one"'


def test_a_file_that_changed_between_two_parts_starts_anew(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME], web.tags[NAME] = packed, '"one"'

    def first(handler: Any) -> None:
        handler.give(gzip.compress(b"another file" * 1000, mtime=0), sent=30)
        web.tags[NAME] = '"two"'

    web.plan[NAME] = [first]
    assert get(web, tmp_path).fetched and good(tmp_path, packed)
    assert web.headers(1)["Range"] == "bytes=30-", "it was asked for the rest, and got the whole"


def test_a_server_that_ignores_if_range_is_detected(web: Any, tmp_path: Path, packed: bytes) -> None:
    """It sends the rest of another file under another ETag."""
    web.files[NAME], web.tags[NAME] = packed, '"two"'

    def first(handler: Any) -> None:
        web.tags[NAME] = '"one"'
        handler.give(packed[::-1], sent=100)
        web.tags[NAME] = '"two"'

    def second(handler: Any) -> None:
        handler.headers.replace_header("If-Range", '"two"')
        handler.give(packed)

    web.plan[NAME] = [first, second]
    assert get(web, tmp_path).fetched and good(tmp_path, packed)
    assert "Range" not in web.headers(2)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("tag", [None, '"one"', 'W/"weak"'])
def test_without_ranges_or_a_strong_tag_it_starts_anew(
    web: Any, tmp_path: Path, packed: bytes, ranges: bool, tag: str | None
) -> None:
    web.files[NAME], web.ranges = packed, ranges
    if tag:
        web.tags[NAME] = tag
    web.plan[NAME] = [lambda handler: handler.give(packed, sent=1000)]
    assert get(web, tmp_path).fetched and good(tmp_path, packed)
    assert ("Range" in web.headers(1)) == (tag == '"one"')


def test_a_part_from_another_address_is_not_resumed(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME], web.tags[NAME] = packed, '"one"'
    parts = tmp_path / ".fetch"
    parts.mkdir()
    (parts / "1bhl.pdb.gz.part").write_bytes(b"x" * 1000)
    (parts / "1bhl.pdb.gz.part.json").write_text(json.dumps({"url": "http://elsewhere/", "validator": '"one"'}))
    assert get(web, tmp_path).fetched and good(tmp_path, packed)
    assert "Range" not in web.headers(0)


def test_a_part_longer_than_the_file(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME], web.tags[NAME] = packed, '"one"'
    parts = tmp_path / ".fetch"
    parts.mkdir()
    (parts / "1bhl.pdb.gz.part").write_bytes(packed + b"x")
    notes = {"url": f"{web.address}{NAME}", "validator": '"one"'}
    (parts / "1bhl.pdb.gz.part.json").write_text(json.dumps(notes))
    web.plan[NAME] = [lambda handler: handler.send_error(416)]
    assert get(web, tmp_path).fetched and good(tmp_path, packed)


def test_a_length_that_is_announced_too_small(web: Any, tmp_path: Path, packed: bytes) -> None:
    """The whole body is sent, its end is not read: the gzip data are incomplete."""
    web.files[NAME] = packed
    web.plan[NAME] = [lambda handler: handler.give(packed, length=len(packed) - 7)]
    assert get(web, tmp_path).fetched and good(tmp_path, packed)
