"""A file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from protein_enn.io import WriteError, atomic, read_structure, write_structure
from protein_enn.io.atomic import write_bytes, write_text


def failing(error):
    def fail(*args, **kwargs):
        raise OSError(error, os.strerror(error))

    return fail


class FullDisk:
    """Takes half of what is written, as a disk that fills up."""

    def __init__(self, handle, mode):
        self.stream = open(handle, mode)  # noqa: SIM115 - closed in __exit__

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stream.close()

    def write(self, data):
        self.stream.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fdopen", "fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, error):
    path = tmp_path / "a.pdb"
    path.write_bytes(b"old")
    monkeypatch.setattr(atomic.os, call, FullDisk if call == "fdopen" else failing(error))
    with pytest.raises(OSError):
        write_bytes(path, b"new and longer")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_structure_that_cannot_be_written_is_a_write_error(tmp_path, monkeypatch, lines, as_bytes):
    structure = read_structure(as_bytes(lines))
    path = tmp_path / "a.pdb"
    path.write_bytes(b"old")
    monkeypatch.setattr(atomic.os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(WriteError, match=r"a\.pdb: cannot be written \(No space left on device\); check"):
        write_structure(structure, path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    monkeypatch.setattr(atomic.tempfile, "mkstemp", failing(errno.EROFS))
    with pytest.raises(WriteError, match="Read-only file system"):
        write_structure(structure, path)
    monkeypatch.undo()
    with pytest.raises(WriteError, match="cannot be written"):
        write_structure(structure, path / "below_a_file.pdb")
    with pytest.raises(WriteError, match="cannot be written"):
        write_structure(structure, tmp_path / "a\0.pdb")
    (tmp_path / "folder.pdb").mkdir()
    with pytest.raises(WriteError, match="cannot be written"):
        write_structure(structure, tmp_path / "folder.pdb")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdb", "folder.pdb"]


def test_an_interrupt_leaves_no_part_behind(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a", b"new")
    assert not list(tmp_path.iterdir())


def test_the_folder_is_synced_after_the_rename(tmp_path, monkeypatch):
    """Else a power cut can take the new name back."""
    calls = []
    sync, rename = os.fsync, os.replace

    def fsync(handle):
        calls.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def replace(*names):
        calls.append("rename")
        rename(*names)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    monkeypatch.setattr(atomic.os, "replace", replace)
    write_bytes(tmp_path / "deep" / "er" / "a", b"new")
    assert calls == ["file", "rename", "folder"]
    assert (tmp_path / "deep" / "er" / "a").read_bytes() == b"new"


def test_folders_that_cannot_be_synced_are_no_failure(tmp_path, monkeypatch):
    sync = os.fsync
    folder = failing(errno.EINVAL)
    monkeypatch.setattr(
        atomic.os, "fsync", lambda h: folder() if stat.S_ISDIR(os.fstat(h).st_mode) else sync(h)
    )  # fmt: skip
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "data" / "a")
    (tmp_path / "again").symlink_to("link")
    write_bytes(tmp_path / "again", b"new")
    assert (tmp_path / "again").is_symlink() and (tmp_path / "link").is_symlink()
    assert (tmp_path / "data" / "a").read_bytes() == b"new"
    (tmp_path / "dangling").symlink_to(tmp_path / "data" / "b")
    write_bytes(tmp_path / "dangling", b"new")
    assert (tmp_path / "data" / "b").read_bytes() == b"new"
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["a", "b"]


def test_permissions_stay(tmp_path):
    write_bytes(tmp_path / "new", b"x")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o644
    (tmp_path / "new").chmod(0o600)
    write_bytes(tmp_path / "new", b"y")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_the_longest_name_can_be_written(tmp_path):
    write_bytes(tmp_path / ("n" * 255), b"x")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_several_writers_and_a_reader(tmp_path):
    """Every look at the file sees the whole of what one writer wrote."""
    path = tmp_path / "a"
    contents = [bytes([65 + i]) * 100_000 for i in range(4)]
    write_bytes(path, contents[0])
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write_bytes, path, contents[i % 4]) for i in range(40)]
        reads = [pool.submit(path.read_bytes) for _ in range(40)]
        assert all(read.result() in contents for read in reads)
        assert all(write.result() is None for write in writes)
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf_8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "a", "Å\r\n\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\x85\r\n\n"


@pytest.mark.parametrize("written", [0, 1])
def test_several_files_are_written_all_or_none(tmp_path, monkeypatch, lines, as_bytes, written):
    """The disk is full at the first or at the second file: both old files stay, and no temporary one."""
    structure, calls = read_structure(as_bytes(lines)), []
    path, record = tmp_path / "a.pdb", tmp_path / "a.json"
    path.write_bytes(b"old")
    record.write_bytes(b"old record")
    sync = os.fsync

    def full(handle):
        calls.append(handle)
        return sync(handle) if len(calls) <= written else failing(errno.ENOSPC)()

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(WriteError, match=r"a\.pdb: cannot be written \(No space left on device\)"):
        write_structure(structure, path, companions={record: b"new record"})
    monkeypatch.undo()
    assert (path.read_bytes(), record.read_bytes()) == (b"old", b"old record")
    assert sorted(tmp_path.iterdir()) == [record, path]
    write_structure(structure, path, companions={record: b"new record"})
    assert record.read_bytes() == b"new record" and len(read_structure(path)) == len(structure)


def test_a_folder_in_the_place_of_the_second_file_changes_nothing(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic.write_all({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert list(tmp_path.iterdir()) == [tmp_path / "b"]
