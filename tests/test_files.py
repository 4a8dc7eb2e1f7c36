"""Files are complete or unchanged: replaced atomically, never over a command's input, without temporary files left."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from shapecalc import files
from shapecalc.errors import UsageError
from shapecalc.files import OutputFile, check_writable, find_target, inputs_noted, note_input, write_file
from shapecalc.questions.sweep import part_file
from shapecalc.questions.sweep.part_file import PartFile, undisturbed

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def refusal(name):
    with pytest.raises(UsageError) as caught:
        write_file(str(name), b"new")
    return str(caught.value)


def test_a_new_file_and_a_replaced_one(tmp_path):
    file = tmp_path / "a.txt"
    write_file(str(file), b"one")
    assert file.read_bytes() == b"one"
    before = file.stat().st_ino
    write_file(str(file), b"two")
    assert file.read_bytes() == b"two"
    assert file.stat().st_ino != before
    assert os.listdir(tmp_path) == ["a.txt"]


@posix
def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path):
    old, new, other = tmp_path / "old", tmp_path / "new", tmp_path / "other"
    old.write_bytes(b"old")
    old.chmod(0o640)
    write_file(str(old), b"new")
    assert mode_of(old) == 0o640
    write_file(str(new), b"new")
    other.touch()
    assert mode_of(new) == mode_of(other)


@posix
def test_a_private_file_is_never_readable_by_others(tmp_path, monkeypatch):
    old = tmp_path / "old"
    old.touch()
    old.chmod(0o600)
    with OutputFile(str(old)) as file:
        file.write(b"secret")
        (beside,) = set(os.listdir(tmp_path)) - {"old"}
        assert mode_of(tmp_path / beside) == 0o600
    modes = []
    monkeypatch.setattr(files.os, "chmod", lambda path, mode: modes.append(stat.S_IMODE(os.stat(path).st_mode)))
    write_file(str(old), b"secret")
    assert modes == [0o600]  # from its first moment


@posix
@pytest.mark.parametrize("kind", [OutputFile, PartFile])
def test_failing_permissions_leave_no_file(kind, tmp_path, monkeypatch):
    def chmod(path, mode):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    old = tmp_path / "old"
    old.write_bytes(b"old")
    monkeypatch.setattr(files.os, "chmod", chmod)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    with pytest.raises(UsageError, match="cannot be written: Operation not permitted"):
        kind(str(old))
    assert (os.listdir(tmp_path), old.read_bytes()) == (["old"], b"old")


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(tmp_path):
    old = tmp_path / "old"
    old.touch()
    os.chown(old, 12345, 54321)
    write_file(str(old), b"new")
    assert (old.stat().st_uid, old.stat().st_gid) == (12345, 54321)


@posix
def test_a_symbolic_link_is_kept_and_its_target_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    real, link, dangling = tmp_path / "folder" / "real", tmp_path / "link", tmp_path / "dangling"
    real.write_bytes(b"old")
    link.symlink_to("folder/real")
    dangling.symlink_to("folder/new")
    write_file(str(link), b"new")
    write_file(str(dangling), b"newer")
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert real.read_bytes() == b"new"
    assert (tmp_path / "folder" / "new").read_bytes() == b"newer"
    assert sorted(os.listdir(tmp_path / "folder")) == ["new", "real"]


@posix
def test_hard_links_of_the_old_file_keep_its_content(tmp_path):
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_bytes(b"old")
    os.link(file, other)
    write_file(str(file), b"new")
    assert other.read_bytes() == b"old"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, MemoryError])
def test_an_unfinished_file_leaves_no_trace(tmp_path, error):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with pytest.raises(error), OutputFile(str(file)) as output:  # noqa: PT012
        output.write(b"half")
        raise error
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


created = OutputFile._create


class Failing:
    """A stream that takes two bytes, and then no more."""

    def __init__(self, stream, error):
        self.stream, self.error = stream, error

    def write(self, data):
        if self.stream.tell():
            raise self.error
        return self.stream.write(data[:2])

    def close(self):
        self.stream.close()


@pytest.mark.parametrize("failing", ["fsync", "replace", "open", "write"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_at_any_step_leaves_no_trace(tmp_path, monkeypatch, failing, error):
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def fail(*arguments, **options):
        if failing == "open":
            os.close(opened(*arguments))  # which comes as soon as the file is there
        raise error

    opened = os.open
    if failing == "write":
        monkeypatch.setattr(OutputFile, "_create", lambda self, folder: Failing(created(self, folder), error))
    else:
        monkeypatch.setattr(files.os, failing, fail)
    with pytest.raises((UsageError, KeyboardInterrupt)) as caught:
        write_file(str(file), b"new")
    monkeypatch.undo()
    if isinstance(error, OSError):
        assert str(caught.value) == f"{file} cannot be written: No space left on device"
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_unwritable_targets_are_errors(tmp_path, monkeypatch):
    assert refusal(tmp_path) == f"{tmp_path} cannot be written: Is a directory"
    assert (
        refusal(tmp_path / "no" / "file") == f"{tmp_path / 'no' / 'file'} cannot be written: No such file or directory"
    )
    assert refusal(f"{tmp_path}/new/") == f"{tmp_path}/new/ cannot be written: Is a directory"
    assert refusal("") == "'' cannot be written: No such file or directory"
    assert re.search("^a␀b cannot be written: .*embedded null", refusal("a\0b"))
    file = tmp_path / "file"
    file.touch()
    assert refusal(file / "below") == f"{file / 'below'} cannot be written: Not a directory"
    monkeypatch.setattr(files.os, "access", lambda path, how: how != os.W_OK)  # root may write on everything
    assert refusal(file) == f"{file} cannot be written: Permission denied"
    monkeypatch.undo()
    monkeypatch.setattr(files.stat, "S_ISBLK", lambda mode: True)
    assert refusal(file) == f"{file} cannot be written: it is a disk, not a file"
    assert file.read_bytes() == b""
    with pytest.raises(UsageError, match="No such file"):
        check_writable(str(tmp_path / "no" / "file"))
    check_writable(str(tmp_path / "new"))
    assert os.listdir(tmp_path) == ["file"]


@posix
def test_a_cycle_of_links_is_rejected(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "cannot be written: Too many levels of symbolic links" in refusal(tmp_path / "a")


def test_in_a_read_only_folder_the_file_is_written_in_place(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(b"old and longer")

    def opened(path, *arguments):
        if str(path).startswith(str(tmp_path)) and not os.path.exists(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return before(path, *arguments)

    before = os.open
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(files.os, "open", opened)
    inode = file.stat().st_ino
    write_file(str(file), b"new")
    assert (file.read_bytes(), file.stat().st_ino) == (b"new", inode)
    assert refusal(tmp_path / "another") == f"{tmp_path / 'another'} cannot be written: Permission denied"
    with pytest.raises(UsageError, match=r"file\.part cannot be written: Permission denied"):
        PartFile(str(file))


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV])
def test_a_mounted_file_is_written_in_place(tmp_path, monkeypatch, number):
    file = tmp_path / "file"
    file.write_bytes(b"old and longer")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "replace", refuse)
    write_file(str(file), b"new")
    assert file.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@posix
def test_pipes_and_devices_are_written_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(str(pipe))  # it does not wait for a reader
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        write_file(str(pipe), b"through")
        try:
            assert reader.communicate(timeout=20)[0] == b"through"
        finally:
            reader.kill()  # if the pipe was replaced it would wait for ever
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write_file("/dev/null", b"gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_device_is_an_error():
    assert refusal("/dev/full") == "/dev/full cannot be written: No space left on device"


SCRIPT = "import sys; from shapecalc.files import write_file; write_file(sys.argv[1], b'written\\n')"


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="there is no /dev/stdout here")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "log", "/dev/fd/3"])
def test_a_redirected_standard_output_is_appended_to(tmp_path, name):
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    with open(log, "ab") as stream:
        name = str(log) if name == "log" else name
        command = ["sh", "-c", 'exec 3>&1; "$@"', "sh", sys.executable, "-c", SCRIPT, name]
        subprocess.run(command, stdout=stream, check=True, close_fds=True)
    assert log.read_bytes() == b"before\nwritten\n"


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="there is no /dev/fd here")
def test_a_file_descriptor_is_appended_to(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    command = ["sh", "-c", f"exec 3>>'{log}'; \"$@\" >/dev/null 2>&1", "sh", sys.executable, "-c", SCRIPT, "/dev/fd/3"]
    subprocess.run(command, check=True)
    assert log.read_bytes() == b"before\nwritten\n"
    assert os.listdir(tmp_path) == ["log"]


def names_of(file, tmp_path):
    yield str(file)
    yield os.path.join(str(tmp_path), ".", "x", "..", file.name)
    if os.name != "nt":
        for name, link in (("soft", os.symlink), ("hard", os.link)):
            link(file, tmp_path / name)
            yield str(tmp_path / name)


def test_a_file_that_was_read_is_not_overwritten_under_any_name(tmp_path):
    (tmp_path / "x").mkdir()
    file = tmp_path / "spec.yaml"
    file.write_bytes(b"spec")
    with inputs_noted():
        with open(file, "rb") as stream:
            note_input(stream)
        for name in names_of(file, tmp_path):
            assert refusal(name) == (
                f"{name} is an input of this command: it is not overwritten\n   name another file to write to"
            )
        with pytest.raises(UsageError, match="is an input of this command"):
            PartFile(name_without_part(file), resumes=True)
        write_file(str(tmp_path / "other"), b"new")
    assert file.read_bytes() == b"spec"
    with open(file, "rb") as stream:
        note_input(stream)  # the library, that has no command, notes nothing
    write_file(str(file), b"new")
    assert file.read_bytes() == b"new"


@posix
def test_a_device_that_was_read_may_be_written_to():
    with inputs_noted():
        with open("/dev/null", "rb") as stream:
            note_input(stream)
        write_file("/dev/null", b"gone")


@posix
def test_signals_are_deferred():
    wait = threading.Event()
    other = threading.Thread(target=wait.wait)  # which hears what this thread blocks
    other.start()
    before = signal.getsignal(signal.SIGINT)
    done = False
    try:
        with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            done = True
    finally:
        wait.set()
        other.join()
    assert done
    assert signal.getsignal(signal.SIGINT) is before


@posix
def test_child_processes_do_not_receive_deferred_signals():
    script = "import os, signal; os.kill(os.getpid(), signal.SIGTERM); os.kill(os.getpid(), signal.SIGHUP)"
    with undisturbed():
        deaf = subprocess.Popen([sys.executable, "-c", script])
    assert deaf.wait(timeout=60) == 0
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGTERM


def name_without_part(file):
    os.link(file, f"{file}.rows.part")
    return f"{file}.rows"


def test_a_part_file_belongs_to_one_process(tmp_path):
    file = tmp_path / "rows.csv"
    first = PartFile(str(file))
    first.write(b"1\n")
    with pytest.raises(
        UsageError,
        match=r"rows\.csv\.part is there already: a sweep was interrupted, or is still running\n   continue it with --resume",
    ):
        PartFile(str(file))
    with pytest.raises(UsageError, match=r"another sweep is writing to .*rows\.csv\.part"):
        PartFile(str(file), resumes=True)
    first.leave()
    again = PartFile(str(file), resumes=True)
    assert again.was_there
    assert again.stream.read() == b"1\n"
    again.resume_at(1)
    again.write(b"2\n")
    again.keep()
    assert file.read_bytes() == b"12\n"
    assert os.listdir(tmp_path) == ["rows.csv"]
    another = PartFile(str(file), resumes=True)
    assert not another.was_there
    another.discard()
    assert os.listdir(tmp_path) == ["rows.csv"]


@posix
def test_a_part_file_finished_by_another_process_is_not_resumed(tmp_path, monkeypatch):
    file, part = tmp_path / "rows.csv", tmp_path / "rows.csv.part"
    part.write_bytes(b"1\n")
    lock = part_file._lock

    def finished_meanwhile(stream):
        if part.exists() and not file.exists():
            part.rename(file)
        return lock(stream)

    monkeypatch.setattr(part_file, "_lock", finished_meanwhile)
    found = PartFile(str(file), resumes=True)
    assert not found.was_there
    found.write(b"2\n")
    found.leave()
    assert (file.read_bytes(), part.read_bytes()) == (b"1\n", b"2\n")


@posix
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_part_file_must_be_a_regular_file(tmp_path, kind):
    part = tmp_path / "rows.csv.part"
    if kind == "pipe":
        os.mkfifo(part)
    else:
        (tmp_path / "mine").write_bytes(b"mine")
        part.symlink_to("mine")
    with pytest.raises(UsageError, match=r"rows\.csv\.part cannot be"):
        PartFile(str(tmp_path / "rows.csv"), resumes=True)
    with pytest.raises(UsageError, match="is there already"):
        PartFile(str(tmp_path / "rows.csv"))
    assert kind == "pipe" or (tmp_path / "mine").read_bytes() == b"mine"


@posix
def test_a_file_system_without_locks_is_supported(tmp_path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with PartFile(str(tmp_path / "rows.csv")) as file:
        file.write(b"1\n")
    assert (tmp_path / "rows.csv").read_bytes() == b"1\n"


def test_a_part_file_that_cannot_replace_its_target_is_kept(tmp_path):
    file = tmp_path / "rows.csv"
    part = PartFile(str(file))
    part.write(b"1\n")
    file.mkdir()
    with pytest.raises(UsageError, match=r"rows\.csv\.part cannot be written"):
        part.keep()
    assert (tmp_path / "rows.csv.part").read_bytes() == b"1\n"


@posix
def test_the_part_file_of_a_link_is_next_to_its_target(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to("folder/rows.csv")
    part = PartFile(str(link))
    assert part.part == str(tmp_path / "folder" / "rows.csv.part")
    assert os.path.exists(part.part)
    part.keep()
    assert link.is_symlink()
    assert os.listdir(tmp_path / "folder") == ["rows.csv"]


def test_kinds_of_target(tmp_path):
    file = tmp_path / "file"
    assert find_target(str(file))[1:] == (os.path.realpath(file), None, False)
    file.touch()
    assert find_target(str(file)).status.st_size == 0
