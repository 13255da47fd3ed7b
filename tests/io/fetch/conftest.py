"""A server on this machine with prescribed answers, and what it serves."""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from protein_enn.io.fetch import Outcome, RetryPolicy, Row, fetch, read_identifiers, source_of

Answer = Callable[["Handler"], None]


NAME = "/1bhl.pdb.gz"

QUICK: dict[str, Any] = {"delay": 0.0, "backoff": 0.01, "retries": 2, "timeout": 5.0}


def get(web: Any, folder: Path, *ids: str, format: str = "pdb.gz", **policy: Any) -> Outcome:
    entries, _ = read_identifiers(ids or ("1bhl",))
    return fetch(entries, source_of(web.address), folder, format=format, policy=RetryPolicy(**{**QUICK, **policy}))


def rows(folder: Path) -> list[Row]:
    header, *lines = (folder / "fetched.tsv").read_text().splitlines()
    assert header.split("\t") == ["id", "file", "sha256", "bytes", "source"]
    cells = [line.split("\t") for line in lines]
    return [Row(a, b, c, int(d), e) for a, b, c, d, e in cells]


def good(folder: Path, data: bytes) -> bool:
    """Whether the file is there, whole, noted, and nothing else is left."""
    assert (folder / "1bhl.pdb.gz").read_bytes() == data
    (row,) = rows(folder)
    assert (row.sha256, row.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    return sorted(p.name for p in folder.iterdir()) == ["1bhl.pdb.gz", "fetched.tsv"]


@dataclass
class Web:
    """The files of a server, its prescribed answers, and the requests so far: (path, headers, time)."""

    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)  # ETag by path; none without
    ranges: bool = True
    plan: dict[str, list[Answer]] = field(default_factory=dict)  # answers to the next requests, then as usual
    asked: list[tuple[str, dict[str, str], float]] = field(default_factory=list)
    address: str = ""

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def headers(self, i: int) -> dict[str, str]:
        return self.asked[i][1]


class Handler(BaseHTTPRequestHandler):
    """Serves `Web`, with ranges (RFC 9110) if it may."""

    web: Web

    def do_GET(self) -> None:
        web = self.web
        web.asked.append((self.path, dict(self.headers), time.monotonic()))
        if web.plan.get(self.path):
            web.plan[self.path].pop(0)(self)
        elif self.path in web.files:
            self.give(web.files[self.path])
        else:
            self.send_error(404)

    def give(self, data: bytes, *, sent: int | None = None, length: int | None = None) -> None:
        """Send the file or the requested part; `sent`: only so many bytes; `length`: another announced length."""
        tag = self.web.tags.get(self.path)
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, tag)
        if match and self.web.ranges and same:
            first = int(match[1])
            body = data[first:]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        else:
            body = data
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body if sent is None else body[:sent])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web_state = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("TestHandler", (Handler,), {"web": web_state}))
    server.daemon_threads = False  # none outlives its test
    web_state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web_state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def entry(examples: Path) -> bytes:
    """The entry 1bhl in PDB format."""
    return (examples / "1bhl.pdb").read_bytes()


@pytest.fixture(scope="session")
def packed(entry: bytes) -> bytes:
    """The same, gzipped."""
    return gzip.compress(entry, mtime=0)
