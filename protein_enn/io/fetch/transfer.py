"""One answer of a server into one file: the rest of it where a part is there already (RFC 9110, ranges)."""

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
from protein_enn.io.fetch.errors import FetchError, PassingError
from protein_enn.version import __version__

AGENT = f"protein_enn/{__version__} (Python urllib)"
CHUNK = 1 << 16
SLOWEST = 100
"""Bytes per second; a server that gives fewer over the whole time limit counts as silent."""
NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors of the disk: no other server or time makes them better."""
_PASSING = (408, 425, 429)
_REASONS = {
    401: "the server wants a login",
    403: "the server refuses it",
    404: "no such file there: an unknown or obsolete id, or an entry that is not kept in this format",
    410: "the entry was taken away",
}


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirections, to http and https alone and never from https to http."""

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
    """Opens http and https and nothing else; proxies as the environment says."""
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


def download(url: str, part: Path, *, timeout: float, most: int, alive: Callable[[], object]) -> None:
    """Bring the file at `url` whole into `part`, going on from what `part` holds where the server still has that.

    Parameters
    ----------
    timeout
        Seconds without an answer or without data.
    most
        Bytes of the largest file that is taken.
    alive
        Called between pieces; may raise to end the transfer, which can then be gone on with.

    Raises
    ------
    PassingError
        It may go better another time; what came is kept in `part`, with `part`.json beside it.
    FetchError
        It will not.
    """
    size, validator = _held(part, url)
    headers = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    if size:
        headers |= {"Range": f"bytes={size}-", "If-Range": validator}
    try:
        with opener().open(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            total = _begin(response, part, url, size, validator, most)
            _copy(response, part, total, timeout, most, alive)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                discard(part)
            raise _refusal(error) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in NO_PLACE:
            raise
        reason = getattr(error, "reason", error)
        words = "no answer in time" if isinstance(reason, TimeoutError) else str(reason) or type(reason).__name__
        raise PassingError(f"{urlsplit(url).netloc}: {words}", answered=False) from error


def discard(part: Path) -> None:
    """Forget what was fetched of a file."""
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _begin(response: Any, part: Path, url: str, size: int, validator: str, most: int) -> int | None:
    """Bytes of the whole file, None if the server does not say; `part` is emptied unless the answer is its rest."""
    headers, length = response.headers, _whole_number(response.headers.get("Content-Length"))
    if response.status == 206:
        span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("Content-Range", ""))
        if not size or span is None or int(span[1]) != size or _validator(headers) not in ("", validator):
            discard(part)
            raise PassingError("the server sent another part than the one asked for", wait=0.0)
        total: int | None = int(span[3])
    elif response.status == 200:
        total = length
        part.write_bytes(b"")
        atomic.write_text(_notes(part), json.dumps({"url": url, "validator": _validator(headers)}))
    else:
        raise FetchError(f"{response.status} {response.reason}: no file in this answer")
    if total is not None and total > most:
        discard(part)
        raise FetchError(f"{total} bytes, more than the cap of {most}; raise the cap if that is right")
    return total


def _copy(response: Any, part: Path, total: int | None, timeout: float, most: int, alive: Callable[[], object]) -> None:
    since, came = time.monotonic(), 0
    with part.open("ab") as file:
        while piece := response.read1(CHUNK):
            file.write(piece)
            came += len(piece)
            alive()
            if file.tell() > most:
                file.close()
                discard(part)
                raise FetchError(f"more than the cap of {most} bytes; raise the cap if that is right")
            if (now := time.monotonic()) - since > timeout:
                if came < SLOWEST * timeout:
                    raise PassingError(f"{came} bytes in {timeout:g} s: too slow")
                since, came = now, 0
        size = file.tell()
    if total is not None and size < total:
        raise PassingError(f"cut short: {size} of {total} bytes came")
    if total is not None and size > total:
        discard(part)
        raise PassingError(f"{size} bytes came, the server had said {total}")


def _held(part: Path, url: str) -> tuple[int, str]:
    """Bytes that are there of this file, and by what the server can tell that it is still the same; (0, "") if not."""
    try:
        notes = json.loads(_notes(part).read_text(encoding="utf-8"))
        size, validator = part.stat().st_size, str(notes["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""
    return (size, validator) if validator and notes.get("url") == url else (0, "")


def _validator(headers: Message) -> str:
    """A strong ETag, else the time of the last change, else ""."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _refusal(error: urllib.error.HTTPError) -> FetchError:
    """What an answer other than 2xx means."""
    said = f"{error.code} {error.reason}"
    if error.code in _PASSING or error.code >= 500:
        return PassingError(f"{said}: the server is busy or broken", wait=retry_after(error.headers.get("Retry-After")))
    if error.code == 416:
        return PassingError(f"{said}: the file has changed", wait=0.0)
    return FetchError(f"{said}: {_REASONS[error.code]}" if error.code in _REASONS else said)


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where there is none."""
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
