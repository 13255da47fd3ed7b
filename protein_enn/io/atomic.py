"""Files that are either the old one or the new one, never half of each."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to a temporary name in the same folder, fsync it, rename it to `path`, and fsync the folder.

    The folder is made if need be. Where `path` is a symbolic link, the file that it leads to is replaced and the link
    stays. Of several writers at once the last one wins, whole. A failure (OSError) leaves an older file as it was and
    no temporary file behind.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # A short name of its own: that of the file, with more around it, could be longer than file systems allow.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """`write_bytes` of UTF-8 text; line ends are written as given."""
    write_bytes(path, text.encode("utf-8"))


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the system can: the file itself is already whole."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError:  # nor do some network file systems sync them
        pass
    finally:
        os.close(handle)


def _mode(path: Path) -> int:
    """Permissions of the file being replaced, else rw for the owner and r for others (mkstemp: owner only)."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644
