import math
import os
import subprocess
import sys

import pytest

from kerasmed import files


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_holds_what_was_written(tmp_path):
    files.write_text(tmp_path / "a.txt", "0,1 µV\n")
    assert (tmp_path / "a.txt").read_bytes() == "0,1 µV\n".encode()
    assert names_in(tmp_path) == ["a.txt"]


def test_a_file_is_replaced_whole(tmp_path):
    files.write_bytes(tmp_path / "a", b"a long old content")
    files.write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_reader_that_has_the_old_file_open_keeps_it(tmp_path):
    files.write_bytes(tmp_path / "a", b"old")
    with (tmp_path / "a").open("rb") as reader:
        files.write_bytes(tmp_path / "a", b"new")
        assert reader.read() == b"old"


def test_the_old_file_stays_when_writing_fails(tmp_path):
    files.write_text(tmp_path / "a", "old")
    with pytest.raises(TypeError):
        files.write_bytes(tmp_path / "a", "no bytes")
    assert (tmp_path / "a").read_text() == "old"
    assert names_in(tmp_path) == ["a"]


def test_nothing_is_left_where_the_file_cannot_take_its_place(tmp_path):
    (tmp_path / "a" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        files.write_bytes(tmp_path / "a", b"new")
    assert names_in(tmp_path) == ["a"]


def test_json_is_written_readable_and_ends_its_line(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": [1, None]})
    assert (tmp_path / "a.json").read_text() == '{\n  "b": [\n    1,\n    null\n  ]\n}\n'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused_and_the_old_file_stays(tmp_path, value):
    files.write_json(tmp_path / "a.json", {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"loss": value})
    assert (tmp_path / "a.json").read_text() == '{\n  "loss": 1.0\n}\n'


def fill(folder, content, error=None):
    (folder / "deep").mkdir()
    (folder / "deep" / "a").write_text(content)
    if error is not None:
        raise error


def test_a_folder_appears_whole_at_the_end_of_its_block(tmp_path):
    target = tmp_path / "not" / "yet" / "there"
    with files.committed_folder(target) as beside:
        fill(beside, "one")
        assert not target.exists()
    assert (target / "deep" / "a").read_text() == "one"
    assert names_in(target.parent) == ["there"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_folder_whose_block_fails_vanishes(tmp_path, error):
    with pytest.raises(error), files.committed_folder(tmp_path / "new") as beside:
        fill(beside, "half", error)
    assert names_in(tmp_path) == []


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").touch()
    with files.committed_folder(tmp_path / "set") as beside:
        fill(beside, "new")
    assert names_in(tmp_path) == ["set"]
    assert names_in(tmp_path / "set") == ["deep"]


def test_the_old_folder_stays_when_the_block_fails(tmp_path):
    with files.committed_folder(tmp_path / "set") as beside:
        fill(beside, "old")
    with pytest.raises(ValueError, match="no"), files.committed_folder(tmp_path / "set") as beside:
        raise ValueError("no")
    assert (tmp_path / "set" / "deep" / "a").read_text() == "old"
    assert names_in(tmp_path) == ["set"]


def test_the_hash_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # The first example of FIPS 180-4.
    assert files.sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_is_hashed_file_by_file_below_it(tmp_path):
    fill(tmp_path, "one")
    (tmp_path / "b").write_text("two")
    (tmp_path / "manifest.json").write_text("left out")
    hashes = files.hash_folder(tmp_path, skip=frozenset({"manifest.json"}))
    assert hashes == {"b": files.sha256_file(tmp_path / "b"), "deep/a": files.sha256_file(tmp_path / "deep" / "a")}


def test_a_changed_byte_changes_the_hash_of_its_file_alone(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("one")
    before = files.hash_folder(tmp_path)
    (tmp_path / "b").write_text("onf")
    after = files.hash_folder(tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["b"]


def test_the_digest_of_a_tree_does_not_depend_on_the_order_of_its_keys():
    assert files.digest({"a": 1, "b": {"c": 2, "d": 3}}) == files.digest({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize("other", [{"a": [2, 1]}, {"a": [1, 2, 3]}, {"b": [1, 2]}, {"a": ["1", "2"]}])
def test_the_digest_of_another_tree_is_another(other):
    assert files.digest(other) != files.digest({"a": [1, 2]})


COUNT_UP = """
import sys, time
from pathlib import Path
from kerasmed import files

number = Path(sys.argv[1], "number")
with files.locked(Path(sys.argv[1], "deep", "lock")):
    before = int(number.read_text())
    time.sleep(0.3)
    number.write_text(str(before + 1))
"""
DIE_INSIDE = """
import os, sys
from pathlib import Path
from kerasmed import files

with files.locked(Path(sys.argv[1], "lock")):
    os._exit(9)
"""


def run_together(program, folder, count):
    """Exit codes of `count` processes that run at the same time."""
    started = [subprocess.Popen([sys.executable, "-c", program, folder]) for _ in range(count)]
    return [process.wait(timeout=60) for process in started]


def test_a_lock_lets_one_process_at_a_time_in(tmp_path):
    (tmp_path / "number").write_text("0")
    assert run_together(COUNT_UP, tmp_path, 3) == [0] * 3
    assert (tmp_path / "number").read_text() == "3"


def test_a_lock_ends_with_its_process(tmp_path):
    assert run_together(DIE_INSIDE, tmp_path, 1) == [9]
    with files.locked(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()


def test_a_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="no"), files.locked(tmp_path / "lock"):
        raise ValueError("no")
    with files.locked(tmp_path / "lock"):
        pass


def hold_elsewhere(path):
    """Another process that holds the lock until its stdin is closed."""
    code = (
        "import sys, pathlib; from kerasmed import files\n"
        "with files.held(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"in\n"
    return other


def test_a_held_lock_names_its_holder_and_refuses_the_second(tmp_path):
    with hold_elsewhere(tmp_path / "lock") as other:
        assert files.holder_of(tmp_path / "lock").pid == other.pid
        with pytest.raises(files.HeldError, match=f"process {other.pid} on "), files.held(tmp_path / "lock"):
            pass
        other.stdin.close()
        other.wait()
        assert files.holder_of(tmp_path / "lock") is None


def test_a_lock_ends_with_the_process_that_was_killed(tmp_path):
    with hold_elsewhere(tmp_path / "lock") as other:
        other.kill()
        other.wait()
        with files.held(tmp_path / "lock"):
            assert files.holder_of(tmp_path / "lock").pid == os.getpid()


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path):
    assert files.holder_of(tmp_path / "lock") is None
    assert names_in(tmp_path) == []
