"""Atomic writing: after a failure a file is the old one or the new one, never a mixture."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to a temporary file in the same folder, fsync it, rename it to `path`, and fsync the folder.

    The folder is made if need be. Where `path` is a symbolic link, its target is replaced and the link stays. Of
    several writers at the same time the last one wins. A failure (OSError) leaves an older file unchanged and no
    temporary file.
    """
    write_all({Path(path): data})


def write_all(contents: Mapping[Path, bytes]) -> None:
    """As `write_bytes`, for several files: none is renamed before all are written, so a full disk changes no file."""
    temporary: dict[Path, Path] = {}  # by the path that it becomes
    try:
        for name, data in contents.items():
            path = Path(os.path.realpath(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            temporary[path] = _write_temporary(path, data)
        for path, written in temporary.items():
            os.replace(written, path)
    except BaseException:
        for written in temporary.values():
            written.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in temporary}:
        _sync_folder(folder)


def _write_temporary(path: Path, data: bytes) -> Path:
    """A temporary file next to `path`, on the disk and with its permissions."""
    # A short name: the name of the file with a suffix could be longer than file systems allow.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _permissions(path))
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Path(temporary)


def write_text(path: str | Path, text: str) -> None:
    """`write_bytes` of UTF-8 text; line ends stay as given."""
    write_bytes(path, text.encode("utf-8"))


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system supports it. The file itself is already synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError:  # some network file systems do not sync them
        pass
    finally:
        os.close(handle)


def _permissions(path: Path) -> int:
    """Permissions of the file being replaced, else rw for the owner and r for others (mkstemp: owner only)."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644
