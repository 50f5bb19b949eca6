import numpy as np
import pytest

from kerasmed.training.memory import available_bytes, limited_memory

MB = 2**20


def machine(tmp_path, groups):
    """A /proc that has 1000 MB free and belongs to the control group of the line `groups`."""
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 9999999 kB\nMemAvailable: {1000 * 1024} kB\n")
    (proc / "self" / "cgroup").write_text(groups)
    return proc


def group(folder, **numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in numbers.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_without_control_groups_the_machine_says_what_is_free(tmp_path):
    assert available_bytes(machine(tmp_path, "0::/\n"), tmp_path / "cgroup") == 1000 * MB


def test_a_control_group_leaves_less_and_the_pages_of_idle_files_do_not_count(tmp_path):
    proc, root = machine(tmp_path, "0::/jobs/seven\n"), tmp_path / "cgroup"
    group(root / "jobs" / "seven", memory__max="max", memory__current=5 * MB)
    stat = f"anon 1\ninactive_file {10 * MB}"
    group(root / "jobs", memory__max=300 * MB, memory__current=200 * MB, memory__stat=stat)
    assert available_bytes(proc, root) == 110 * MB


def test_a_container_that_does_not_see_its_own_group_asks_the_root(tmp_path):
    proc, root = machine(tmp_path, "4:memory:/docker/abc\n2:cpu:/\n0::/\n"), tmp_path / "cgroup"
    group(root / "memory", memory__limit_in_bytes=200 * MB, memory__usage_in_bytes=50 * MB)
    assert available_bytes(proc, root) == 150 * MB


def test_a_machine_that_does_not_say_has_no_number(tmp_path):
    assert available_bytes(tmp_path, tmp_path) is None


def test_this_machine_has_some_memory_free():
    assert (available_bytes() or MB) >= MB


def test_in_the_limit_an_allocation_fails_and_after_it_succeeds():
    with limited_memory(200 * MB), pytest.raises(MemoryError):
        np.ones(400 * MB, np.uint8)
    assert np.ones(400 * MB, np.uint8)[-1] == 1
