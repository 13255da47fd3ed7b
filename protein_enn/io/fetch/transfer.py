"""Download one file, or the rest of it where a part exists already (RFC 9110, range requests)."""

from __future__ import annotations

import email.utils
import errno
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from protein_enn.io import atomic
from protein_enn.io.fetch.errors import FetchError, TransientError
from protein_enn.version import __version__

AGENT = f"protein_enn/{__version__} (Python urllib)"
CHUNK = 1 << 16
SLOWEST = 100
"""Bytes per second; a slower server counts as one that does not answer."""
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Error numbers of the disk, for which a retry is useless."""
_TRANSIENT = (408, 425, 429)
_REASONS = {
    401: "the server wants a login",
    403: "the server refuses it",
    404: "no such file there: an unknown or obsolete id, or an entry that is not kept in this format",
    410: "the entry was taken away",
}


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows up to 5 redirections, to http and https alone and never from https to http."""

    max_redirections = 5

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The next request; FetchError where it would leave http and https."""
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            fp.close()
            raise FetchError(f"the server redirects to {newurl[:200]}, which is not followed from {req.type}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener() -> urllib.request.OpenerDirector:
    """An opener of http and https URLs only, with the proxies of the environment."""
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirects(),
        urllib.request.UnknownHandler(),
    ):
        director.add_handler(handler)
    return director


def download(url: str, part: Path, *, timeout: float, most: int, check_stopped: Callable[[], object]) -> None:
    """Download the file at `url` into `part`, resuming from the bytes in `part` where the server has the same file.

    Parameters
    ----------
    timeout
        Seconds without an answer or without data.
    most
        Bytes of the largest accepted file.
    alive
        Called between chunks; may raise to end the transfer, which can be resumed later.

    Raises
    ------
    TransientError
        A later try may succeed; the bytes so far are kept in `part`, with the sidecar file `part`.json.
    FetchError
        A later try will not succeed.
    """
    size, validator = _partial_download(part, url)
    headers = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    if size:
        headers |= {"Range": f"bytes={size}-", "If-Range": validator}
    try:
        with opener().open(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            total = _start(response, part, url, size, validator, most)
            _copy(response, part, total, timeout, most, check_stopped)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                discard(part)
            raise _error_of(error) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise
        reason = getattr(error, "reason", error)
        text = "no answer in time" if isinstance(reason, TimeoutError) else str(reason) or type(reason).__name__
        raise TransientError(f"{urlsplit(url).netloc}: {text}", answered=False) from error


def discard(part: Path) -> None:
    """Remove a partial download and its sidecar."""
    part.unlink(missing_ok=True)
    _sidecar(part).unlink(missing_ok=True)


def _start(response: Any, part: Path, url: str, size: int, validator: str, most: int) -> int | None:
    """Bytes of the whole file, None if unknown; `part` is emptied unless the answer continues it."""
    headers, length = response.headers, _whole_number(response.headers.get("Content-Length"))
    if response.status == 206:
        content_range = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("Content-Range", ""))
        if (
            not size
            or content_range is None
            or int(content_range[1]) != size
            or _validator(headers) not in ("", validator)
        ):
            discard(part)
            raise TransientError("the server sent another part than the one asked for", wait=0.0)
        total: int | None = int(content_range[3])
    elif response.status == 200:
        total = length
        part.write_bytes(b"")
        atomic.write_text(_sidecar(part), json.dumps({"url": url, "validator": _validator(headers)}))
    else:
        raise FetchError(f"{response.status} {response.reason}: no file in this answer")
    if total is not None and total > most:
        discard(part)
        raise FetchError(f"{total} bytes, more than the cap of {most}; raise the cap if that is right")
    return total


def _copy(
    response: Any, part: Path, total: int | None, timeout: float, most: int, check_stopped: Callable[[], object]
) -> None:
    start, received = time.monotonic(), 0
    with part.open("ab") as file:
        while chunk := response.read1(CHUNK):
            file.write(chunk)
            received += len(chunk)
            check_stopped()
            if file.tell() > most:
                file.close()
                discard(part)
                raise FetchError(f"more than the cap of {most} bytes; raise the cap if that is right")
            if (now := time.monotonic()) - start > timeout:
                if received < SLOWEST * timeout:
                    raise TransientError(f"{received} bytes in {timeout:g} s: too slow")
                start, received = now, 0
        size = file.tell()
    if total is not None and size < total:
        raise TransientError(f"cut short: {size} of {total} bytes came")
    if total is not None and size > total:
        discard(part)
        raise TransientError(f"{size} bytes came, the server had announced {total}")


def _partial_download(part: Path, url: str) -> tuple[int, str]:
    """Bytes of this file in `part`, and the validator by which the server confirms the file; (0, "") if none."""
    try:
        sidecar = json.loads(_sidecar(part).read_text(encoding="utf-8"))
        size, validator = part.stat().st_size, str(sidecar["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""
    return (size, validator) if validator and sidecar.get("url") == url else (0, "")


def _validator(headers: Message) -> str:
    """A strong ETag, else the time of the last change, else ""."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _sidecar(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _error_of(error: urllib.error.HTTPError) -> FetchError:
    """The error for an answer other than 2xx."""
    status = f"{error.code} {error.reason}"
    if error.code in _TRANSIENT or error.code >= 500:
        return TransientError(
            f"{status}: the server is busy or broken", wait=retry_after(error.headers.get("Retry-After"))
        )
    if error.code == 416:
        return TransientError(f"{status}: the file has changed", wait=0.0)
    return FetchError(f"{status}: {_REASONS[error.code]}" if error.code in _REASONS else status)


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None without one."""
    if value is None:
        return None
    if (seconds := _whole_number(value.strip())) is not None:
        return float(seconds)
    try:
        date = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, date - (time.time() if now is None else now))


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,15}", text) else None
