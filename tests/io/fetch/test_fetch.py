"""Fetching from a server that misbehaves, and from folders."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from protein_enn.io.fetch import RetryPolicy, fetch, read_identifiers, source_of
from protein_enn.io.fetch.transfer import retry_after
from tests.io.fetch.conftest import NAME, QUICK, get, good, rows


def test_a_file_comes_once_and_is_kept(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME] = packed
    first = get(web, tmp_path)
    assert [row.source for row in first.fetched] == [f"{web.address}{NAME}"] and not first.failures
    assert good(tmp_path, packed)
    assert web.headers(0)["User-Agent"].startswith("protein_enn/")
    again = get(web, tmp_path)
    assert [row.id for row in again.kept] == ["1bhl"] and not again.fetched and len(web.asked) == 1


@pytest.mark.parametrize("harm", ["changed", "shorter", "gone"])
def test_a_file_that_was_changed_on_disk_is_fetched_again(web: Any, tmp_path: Path, packed: bytes, harm: str) -> None:
    web.files[NAME] = packed
    get(web, tmp_path)
    file = tmp_path / "1bhl.pdb.gz"
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(packed[:-1] + b"?" if harm == "changed" else packed[:-1])
    assert [row.id for row in get(web, tmp_path).fetched] == ["1bhl"] and good(tmp_path, packed)


@pytest.mark.parametrize("code", [500, 502, 503, 429, 408])
def test_transient_failures_are_retried(web: Any, tmp_path: Path, packed: bytes, code: int) -> None:
    web.files[NAME] = packed
    web.plan[NAME] = [lambda handler: handler.send_error(code)]
    assert get(web, tmp_path).fetched and len(web.asked) == 2


@pytest.mark.parametrize(("code", "expected"), [(404, "obsolete"), (403, "refuses"), (410, "taken away"), (400, "400")])
def test_permanent_failures_are_not_retried(web: Any, tmp_path: Path, code: int, expected: str) -> None:
    web.plan[NAME] = [lambda handler: handler.send_error(code)]
    assert expected in get(web, tmp_path).failures["1bhl"] and len(web.asked) == 1
    assert rows(tmp_path) == [] and not (tmp_path / "1bhl.pdb.gz").exists()


def test_the_number_of_retries_is_limited(web: Any, tmp_path: Path) -> None:
    web.plan[NAME] = [lambda handler: handler.send_error(500)] * 9
    assert "500" in get(web, tmp_path).failures["1bhl"] and len(web.asked) == 3


def test_retry_after_holds_back_all_connections(web: Any, tmp_path: Path, packed: bytes) -> None:
    def busy(handler: Any) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "1")
        handler.end_headers()

    web.files[NAME] = web.files["/9abc.pdb.gz"] = packed
    web.plan[NAME] = [busy]
    get(web, tmp_path, "1bhl", "9abc", connections=1)
    times = {path: at for path, _, at in web.asked}
    assert web.paths() == [NAME, NAME, "/9abc.pdb.gz"] and times[NAME] - web.asked[0][2] > 0.95


def test_a_wait_beyond_the_limit_is_refused(web: Any, tmp_path: Path) -> None:
    def busy(handler: Any) -> None:
        handler.send_response(503)
        handler.send_header("Retry-After", "86400")
        handler.end_headers()

    web.plan[NAME] = [busy]
    assert "86400 s" in get(web, tmp_path).failures["1bhl"] and len(web.asked) == 1


def test_retry_after_as_seconds_and_as_a_date() -> None:
    assert retry_after("12") == 12.0 and retry_after(None) is None and retry_after("soon") is None
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=20.0) == 40.0
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=90.0) == 0.0


def test_no_answer_ends_a_try(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME], web.tags[NAME] = packed, '"one"'

    def stall(handler: Any) -> None:
        handler.give(packed, sent=500)
        handler.wfile.flush()
        time.sleep(0.6)

    web.plan[NAME] = [stall]
    assert get(web, tmp_path, timeout=0.2).fetched and good(tmp_path, packed)


def test_a_slow_transfer_counts_as_no_answer(web: Any, tmp_path: Path, packed: bytes) -> None:
    def trickle(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(packed)))
        handler.end_headers()
        for i in range(40):
            handler.wfile.write(packed[i : i + 1])
            handler.wfile.flush()
            time.sleep(0.05)

    web.plan[NAME] = [trickle]
    assert "too slow" in get(web, tmp_path, timeout=0.4, retries=0).failures["1bhl"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<!DOCTYPE html><html><body>Moved</body></html>", "HTML"),
        (b"", "is empty"),
        (b"data_1BHL\n_cell.length_a 1\n", "no _atom_site"),
        (gzip.compress(b"HEADER    HYDROLASE                               01-JAN-00   9XYZ\n", mtime=0), "no ATOM"),
    ],
)
def test_what_is_no_structure_is_refused_at_once(web: Any, tmp_path: Path, body: bytes, expected: str) -> None:
    web.files[NAME] = body
    assert expected in get(web, tmp_path).failures["1bhl"] and len(web.asked) == 1
    assert not (tmp_path / "1bhl.pdb.gz").exists() and not (tmp_path / ".fetch").exists()


def test_another_entry_and_another_format_are_refused(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files["/9abc.pdb.gz"] = web.files["/1bhl.cif.gz"] = packed
    assert "holds the entry 1BHL, not 9abc" in get(web, tmp_path, "9abc").failures["9abc"]
    assert "is pdb, not cif.gz" in get(web, tmp_path, format="cif.gz").failures["1bhl"]


def test_damaged_gzip_is_fetched_again(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME] = packed
    flipped = bytearray(packed)
    flipped[len(flipped) // 2] ^= 4
    web.plan[NAME] = [lambda handler: handler.give(bytes(flipped))]
    assert get(web, tmp_path).fetched and good(tmp_path, packed)


def test_files_are_compressed_as_requested(web: Any, tmp_path: Path, entry: bytes, packed: bytes) -> None:
    web.files[NAME], web.files["/1bhl.pdb"] = entry, packed
    get(web, tmp_path)
    get(web, tmp_path, format="pdb")
    assert gzip.decompress((tmp_path / "1bhl.pdb.gz").read_bytes()) == entry
    assert (tmp_path / "1bhl.pdb").read_bytes() == entry
    assert [row.file for row in rows(tmp_path)] == ["1bhl.pdb", "1bhl.pdb.gz"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x"])
def test_redirections_stay_on_the_web(web: Any, tmp_path: Path, target: str) -> None:
    def move(handler: Any) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.end_headers()

    web.plan[NAME] = [move]
    assert get(web, tmp_path).failures["1bhl"] and not (tmp_path / "1bhl.pdb.gz").exists() and len(web.asked) == 1


def test_a_redirection_is_followed_and_a_circle_is_not(web: Any, tmp_path: Path, packed: bytes) -> None:
    def to(place: str) -> Any:
        def move(handler: Any) -> None:
            handler.send_response(301)
            handler.send_header("Location", f"{web.address}{place}")
            handler.end_headers()

        return move

    web.files["/new"] = packed
    web.plan[NAME] = [to("/new")]
    assert get(web, tmp_path).fetched
    web.plan["/9abc.pdb.gz"] = [to("/9abc.pdb.gz")] * 20
    assert "redirect" in get(web, tmp_path, "9abc").failures["9abc"].lower() and len(web.asked) < 12


@pytest.mark.parametrize("announced", [True, False])
def test_the_cap_on_size(web: Any, tmp_path: Path, packed: bytes, announced: bool) -> None:
    def silent(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(packed)

    web.files[NAME] = packed
    web.plan[NAME] = [] if announced else [silent]
    assert "cap of 1000" in get(web, tmp_path, most=1000).failures["1bhl"] and len(web.asked) == 1
    assert not (tmp_path / ".fetch").exists()


def test_requests_are_spaced_by_the_delay(web: Any, tmp_path: Path) -> None:
    get(web, tmp_path, "1aaa", "1aab", "1aac", "1aad", delay=0.1, connections=4)
    times = sorted(at for _, _, at in web.asked)
    assert len(times) == 4 and times[-1] - times[0] > 0.29


def test_a_server_without_answers_is_not_asked_again(tmp_path: Path, web: Any) -> None:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        entries, _ = read_identifiers([f"1aa{i}" for i in range(9)])
        policy = RetryPolicy(**{**QUICK, "retries": 0, "connections": 1})
        outcome = fetch(entries, source_of(dead), tmp_path, policy=policy)
    assert len(outcome.failures) == 9
    assert sum(reason.startswith("not tried") for reason in outcome.failures.values()) == 4


def test_a_killed_run_is_resumed(web: Any, tmp_path: Path, packed: bytes) -> None:
    """The first file is kept, the half of the second is not asked for again."""
    large = packed
    web.files[NAME] = web.files["/2aaa.pdb.gz"] = large
    web.tags["/2aaa.pdb.gz"] = '"x"'
    web.files["/2aaa.pdb.gz"] = large = gzip.compress(gzip.decompress(packed).replace(b"1BHL", b"2AAA"))

    def stall(handler: Any) -> None:
        handler.give(large, sent=5000)
        handler.wfile.flush()
        time.sleep(1.5)

    web.plan["/2aaa.pdb.gz"] = [stall]
    command = [
        sys.executable,
        "-c",
        "from protein_enn.cli import main; main()",
        "fetch",
        "1bhl",
        "2aaa",
        "--source",
        web.address,
        "-o",
    ]
    part = tmp_path / ".fetch" / "2aaa.pdb.gz.part"
    run = subprocess.Popen(
        [*command, str(tmp_path), "--format", "pdb.gz", "--connections", "1"], stderr=subprocess.PIPE
    )
    while run.poll() is None and not (part.exists() and part.stat().st_size == 5000):
        time.sleep(0.02)
    run.kill()
    run.communicate()
    assert part.stat().st_size == 5000 and [row.id for row in rows(tmp_path)] == ["1bhl"]
    outcome = get(web, tmp_path, "1bhl", "2aaa")
    assert [row.id for row in outcome.kept] == ["1bhl"] and [row.id for row in outcome.fetched] == ["2aaa"]
    assert web.paths().count(NAME) == 1 and web.headers(-1)["Range"] == "bytes=5000-"
    assert (tmp_path / "2aaa.pdb.gz").read_bytes() == large and [row.id for row in rows(tmp_path)] == ["1bhl", "2aaa"]


def test_an_incomplete_row_and_another_table(web: Any, tmp_path: Path, packed: bytes) -> None:
    web.files[NAME] = packed
    get(web, tmp_path)
    table = tmp_path / "fetched.tsv"
    table.write_text(table.read_text() + "2aaa\t2aaa.pdb")
    assert get(web, tmp_path).kept and good(tmp_path, packed)
    table.write_text("something else\n")
    with pytest.raises(ValueError, match="is not a table of fetched files"):
        get(web, tmp_path)


def test_two_runs_do_not_use_one_folder(web: Any, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="locks of folders are not to be had here")
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another run"):
            get(web, tmp_path)
    finally:
        os.close(handle)


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no format 'mmtf'; there are pdb.gz"):
        fetch([], source_of("pdb"), tmp_path, format="mmtf")
