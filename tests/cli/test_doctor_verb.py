import sys

import pytest

from kerasmed.cli import machine


@pytest.fixture
def other_backend(tmp_path, monkeypatch):
    """Puts a package in place of jax, for this process and the probe."""

    def install(source):
        (tmp_path / "jax").mkdir()
        (tmp_path / "jax" / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.delitem(sys.modules, "jax", raising=False)

    return install


def test_a_backend_tells_version_and_devices(other_backend):
    other_backend(
        "import os\n__version__ = os.environ['XLA_PYTHON_CLIENT_PREALLOCATE']\n"
        "class D: device_kind = 'NVIDIA X'\ndevices = lambda: [D()]\nprint('a note of its own')\n"
    )
    assert machine.probe_backend("jax") == {"state": "ready", "version": "false", "devices": ["NVIDIA X"]}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os.abort()", "ended by SIGABRT"),
        ("raise RuntimeError('driver too old')", "RuntimeError: driver too old"),
        ("import sys; sys.exit(3)", "ended with 3"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
    ],
)
def test_a_broken_backend_cannot_end_us(other_backend, source, reason):
    other_backend(source)
    assert machine.probe_backend("jax") == {"state": "broken", "reason": reason}


def test_a_backend_that_hangs_is_given_up(other_backend, monkeypatch):
    monkeypatch.setattr(machine, "PROBE_TIMEOUT_S", 0.5)
    other_backend("import time; time.sleep(30)")
    assert machine.probe_backend("jax") == {"state": "broken", "reason": "did not answer within 0.5 s"}


def test_a_missing_backend_gets_its_install_command(monkeypatch):
    monkeypatch.setitem(machine.PROBES, "no_such_backend", "")
    assert machine.probe_backend("no_such_backend") == {
        "state": "missing",
        "install": "pip install 'kerasmed[no_such_backend]'",
    }


def fake_nvidia_smi(tmp_path, monkeypatch, script):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_gpus_are_listed_with_their_memory(tmp_path, monkeypatch):
    fake_nvidia_smi(tmp_path, monkeypatch, "echo 'NVIDIA H200, 143771, 12, 570.1'; echo 'Other, [N/A], [N/A], 570.1'")
    assert machine.list_gpus() == [
        {"name": "NVIDIA H200", "memory_mib": 143771, "used_mib": 12, "driver": "570.1"},
        {"name": "Other", "memory_mib": None, "used_mib": None, "driver": "570.1"},
    ]


def test_a_driver_that_does_not_answer_means_no_gpu(tmp_path, monkeypatch):
    fake_nvidia_smi(tmp_path, monkeypatch, "echo 'has failed, because, it cannot, communicate'; exit 9")
    assert machine.list_gpus() == []


def test_every_extra_lists_its_packages():
    extras = machine.list_packages()
    assert {"jax", "torch", "tensorflow", "ecg", "imaging", "export", "tune", "track", "serve"} == set(extras)
    assert "wfdb" in extras["ecg"]


def test_room_is_told_of_a_folder_that_is_not_there_yet(tmp_path):
    assert machine.free_bytes(tmp_path / "runs" / "deep") > 0


def test_the_doctor_tells_of_everything_and_loads_no_backend(kerasmed, tmp_path):
    loaded = {"jax", "torch", "tensorflow", "keras"} & set(sys.modules)
    tree = kerasmed("doctor", "--data-dir", tmp_path, "--json").tree
    assert {"jax", "torch", "tensorflow", "keras"} & set(sys.modules) == loaded
    assert set(tree["backends"]) == {"jax", "torch", "tensorflow"}
    assert tree["data"]["root"] == str(tmp_path)
    assert tree["disk"]["runs"]["free_bytes"] > 0


@pytest.mark.slow
def test_the_doctor_has_a_line_for_each_thing(kerasmed):
    lines = kerasmed("doctor").out.splitlines()
    assert {line.split("  ")[0] for line in lines} >= {"python", "backend jax", "GPU", "decoder", "extra ecg", "data"}
