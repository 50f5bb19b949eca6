import os
import socket
from pathlib import Path

import numpy as np
import pytest

from kerasmed.data.readers.wfdb import read_annotations, read_header, read_record
from kerasmed.errors import DataError
from tests.fakes.wfdb_files import write_annotations, write_record

SIGNAL_MV = np.sin(np.arange(200, dtype=np.float64)).reshape(100, 2)


@pytest.fixture
def path(tmp_path):
    return write_record(tmp_path / "db", "r", SIGNAL_MV, 360, ("I", "II"))


def test_a_missing_header_is_named(tmp_path):
    with pytest.raises(DataError, match=r"r\.hea: is missing"):
        read_record(tmp_path / "r.hea")


def test_a_missing_signal_file_is_named(path):
    path.with_suffix(".dat").unlink()
    with pytest.raises(DataError, match=r"r\.dat: is missing"):
        read_record(path)


@pytest.mark.parametrize("suffix", [".hea", ".dat", ".atr"])
def test_a_named_pipe_is_refused_and_not_waited_for(path, suffix):
    path.with_suffix(suffix).unlink(missing_ok=True)
    os.mkfifo(path.with_suffix(suffix))
    with pytest.raises(DataError, match="is not a regular file"):
        read_annotations(path.with_suffix(".atr")) if suffix == ".atr" else read_record(path)


@pytest.mark.parametrize("suffix", [".hea", ".dat"])
def test_a_folder_is_no_file(path, suffix):
    path.with_suffix(suffix).unlink()
    path.with_suffix(suffix).mkdir()
    with pytest.raises(DataError, match="is not a regular file"):
        read_record(path)


def test_a_socket_is_no_file(path, monkeypatch):
    path.with_suffix(".dat").unlink()
    monkeypatch.chdir(path.parent)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("r.dat")
        with pytest.raises(DataError, match=r"r\.dat: cannot be read"):
            read_record(path)


@pytest.mark.parametrize("suffix", [".hea", ".dat", ".atr"])
def test_a_link_to_outside_the_folder_is_refused(path, suffix):
    write_annotations(path.parent, "r", [5], ["N"])
    linked = path.with_suffix(suffix)
    outside = path.parent.parent / "outside"
    linked.rename(outside)
    linked.symlink_to(outside)
    with pytest.raises(DataError, match="is a link to outside its folder"):
        read_annotations(linked) if suffix == ".atr" else read_record(path)


def test_a_device_is_not_read(path):
    path.with_suffix(".dat").unlink()
    path.with_suffix(".dat").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is a link to outside its folder"):
        read_record(path)


def test_a_link_within_the_folder_is_followed(path):
    path.with_suffix(".dat").rename(path.with_name("other.dat"))
    path.with_suffix(".dat").symlink_to(path.with_name("other.dat"))
    assert read_record(path).signal_mv.shape == (100, 2)


def test_a_link_to_itself_is_refused(path):
    path.with_suffix(".dat").unlink()
    path.with_suffix(".dat").symlink_to(path.with_suffix(".dat"))
    with pytest.raises(DataError, match=r"r\.dat"):
        read_record(path)


def test_a_folder_that_is_itself_a_link_is_no_matter(path, tmp_path):
    (tmp_path / "alias").symlink_to(path.parent)
    assert read_record(tmp_path / "alias" / "r.hea").signal_mv.shape == (100, 2)


@pytest.mark.parametrize("address", ["s3://bucket/r.hea", "http://169.254.169.254/r.hea", "gs://b/r.hea"])
def test_an_address_is_no_path(address):
    with pytest.raises(DataError, match="is an address"):
        read_record(Path(address))


def test_a_name_with_a_nul_is_refused():
    with pytest.raises(DataError, match="is not the name of a file"):
        read_header(Path("r\0.hea"))


def test_an_unreadable_file_says_why(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as root, whom nothing is denied
    with pytest.raises(DataError, match="Permission denied"):
        read_header(path)


def test_reading_opens_no_socket(path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a reader went to the network")

    write_annotations(path.parent, "r", [5], ["N"])
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    read_record(path)
    read_annotations(path.with_suffix(".atr"))


def test_a_header_cannot_reserve_memory_that_its_file_does_not_have(path):
    path.write_text(path.read_text().replace("360 100", "360 9999999999999"))
    with pytest.raises(DataError, match="take 39999999999996"):
        read_record(path)


def test_an_error_never_shows_a_comment(tmp_path):
    path = write_record(tmp_path, "r", SIGNAL_MV, 360, ("I", "II"), comments=["Doe^Jane"], content=lambda b: b[:-1])
    with pytest.raises(DataError) as error:
        read_record(path)
    assert "Doe" not in str(error.value)
