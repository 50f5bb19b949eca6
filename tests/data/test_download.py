import fcntl
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasmed.data.download import DATABASES, download, read_sums
from kerasmed.data.fetch import Retry
from kerasmed.errors import ConfigError, DataError, UnknownNameError
from tests.fakes.physionet import FakePhysionet, serve

MITDB = "mitdb/1.0.0"
BIG = random.Random(0).randbytes(3 << 20)
FILES = {"RECORDS": b"100\n", "100.dat": BIG, "100.hea": b"100 2 360 650000\n", "x_mitdb/x 108.hea": b"a space\n"}
QUICK = Retry(attempts=3, pause_s=0.001)


@pytest.fixture
def site() -> Iterator[FakePhysionet]:
    with serve() as running:
        running.publish(MITDB, FILES)
        yield running


def fetch(site: FakePhysionet, root: Path, **options: object) -> Path:
    return download("mitbih", root, base_url=site.url, retry=QUICK, **options)


def content(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_download_brings_every_listed_file_into_the_folder_of_the_database(
    site: FakePhysionet, tmp_path: Path
) -> None:
    folder = fetch(site, tmp_path / "root")
    assert folder == tmp_path / "root" / "mitdb"
    assert content(folder) == FILES | {"SHA256SUMS.txt": site.files[f"{MITDB}/SHA256SUMS.txt"]}


def test_progress_counts_files(site: FakePhysionet, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    fetch(site, tmp_path, progress=lambda *words: told.append(words))
    assert {name for name, _, _ in told} == set(FILES)
    assert [(done, total) for _, done, total in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_second_download_fetches_only_the_list(site: FakePhysionet, tmp_path: Path) -> None:
    fetch(site, tmp_path)
    site.seen.clear()
    fetch(site, tmp_path)
    assert site.seen == [(f"{MITDB}/SHA256SUMS.txt", None)]


def test_a_damaged_file_on_the_disk_is_fetched_again(site: FakePhysionet, tmp_path: Path) -> None:
    folder = fetch(site, tmp_path)
    (folder / "100.dat").write_bytes(BIG[:-1] + b"?")
    assert content(fetch(site, tmp_path))["100.dat"] == BIG


def test_a_connection_cut_in_mid_file_is_continued_where_it_ended(site: FakePhysionet, tmp_path: Path) -> None:
    site.faults[f"{MITDB}/100.dat"] = ["cut", "cut"]
    assert content(fetch(site, tmp_path))["100.dat"] == BIG
    half = len(BIG) // 2
    assert site.ranges(f"{MITDB}/100.dat") == [None, f"bytes={half}-", f"bytes={(half + len(BIG)) // 2}-"]


def test_a_later_download_continues_the_part_of_an_earlier_one(site: FakePhysionet, tmp_path: Path) -> None:
    site.faults[f"{MITDB}/100.dat"] = ["cut", 500, 500]
    with pytest.raises(DataError, match="500"):
        fetch(site, tmp_path)
    assert not (tmp_path / "mitdb" / "100.dat").exists()
    assert not (tmp_path / "mitdb" / "SHA256SUMS.txt").exists()
    site.seen.clear()
    assert content(fetch(site, tmp_path))["100.dat"] == BIG
    assert site.ranges(f"{MITDB}/100.dat") == [f"bytes={len(BIG) // 2}-"]


def test_a_server_that_sends_no_ranges_still_gives_the_file(site: FakePhysionet, tmp_path: Path) -> None:
    site.honours_ranges = False
    site.faults[f"{MITDB}/100.dat"] = ["cut"]
    assert content(fetch(site, tmp_path))["100.dat"] == BIG


@pytest.mark.parametrize("part", [b"of another file", BIG, BIG + b"too long"])
def test_any_part_left_behind_ends_in_the_right_file(site: FakePhysionet, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "mitdb").mkdir()
    (tmp_path / "mitdb" / "100.dat.part").write_bytes(part)
    assert content(fetch(site, tmp_path)).keys() == FILES.keys() | {"SHA256SUMS.txt"}


def test_a_whole_part_is_not_fetched_again(site: FakePhysionet, tmp_path: Path) -> None:
    (tmp_path / "mitdb").mkdir()
    (tmp_path / "mitdb" / "100.dat.part").write_bytes(BIG)
    fetch(site, tmp_path)
    assert site.ranges(f"{MITDB}/100.dat") == [f"bytes={len(BIG)}-"]


def test_a_file_that_differs_from_its_checksum_is_never_published(site: FakePhysionet, tmp_path: Path) -> None:
    site.files[f"{MITDB}/100.dat"] = BIG[:-1] + b"?"
    with pytest.raises(DataError, match=r"100\.dat.*SHA-256"):
        fetch(site, tmp_path)
    assert not list((tmp_path / "mitdb").glob("100.dat*"))


@pytest.mark.parametrize("fault", [429, 500, 503, "cut"])
def test_a_server_that_fails_for_a_while_is_asked_again(site: FakePhysionet, tmp_path: Path, fault: int | str) -> None:
    site.faults = {f"{MITDB}/SHA256SUMS.txt": [fault], f"{MITDB}/100.hea": [fault, fault]}
    assert content(fetch(site, tmp_path)).keys() == FILES.keys() | {"SHA256SUMS.txt"}


def test_a_server_that_keeps_failing_is_named_with_what_it_said(site: FakePhysionet, tmp_path: Path) -> None:
    site.faults = {f"{MITDB}/SHA256SUMS.txt": [500] * 3}
    with pytest.raises(DataError, match=r"SHA256SUMS\.txt: the server answered 500 .* \(3 tries\)"):
        fetch(site, tmp_path)


def test_a_missing_file_is_an_error_at_once(site: FakePhysionet, tmp_path: Path) -> None:
    del site.files[f"{MITDB}/100.hea"]
    with pytest.raises(DataError, match=r"100\.hea: the server has no such file \(404\)"):
        fetch(site, tmp_path)
    assert len(site.ranges(f"{MITDB}/100.hea")) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_credentialed_database_says_where_to_ask_for_access(site: FakePhysionet, tmp_path: Path, status: int) -> None:
    site.faults = {f"{MITDB}/SHA256SUMS.txt": [status]}
    with pytest.raises(DataError, match=r"access denied.*https://physionet\.org/content/mitdb/1\.0\.0/"):
        fetch(site, tmp_path)


def test_a_server_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    with serve() as gone:
        pass
    with pytest.raises(DataError, match="cannot be reached") as caught:
        fetch(gone, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_redirect_to_another_host_is_refused(site: FakePhysionet, tmp_path: Path) -> None:
    with serve() as other:
        other.publish(MITDB, FILES)
        site.faults = {f"{MITDB}/100.hea": [f"location {other.url}/{MITDB}/100.hea"]}
        with pytest.raises(DataError, match="sends us to"):
            fetch(site, tmp_path)
        assert other.seen == []


def test_a_redirect_on_the_same_host_is_followed(site: FakePhysionet, tmp_path: Path) -> None:
    site.files["moved"] = FILES["100.hea"]
    site.faults = {f"{MITDB}/100.hea": ["location /moved"]}
    assert content(fetch(site, tmp_path))["100.hea"] == FILES["100.hea"]


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "a//b", "./x", ".", "..", "a\\..\\x", "C:x", "a\0b", "a\x1b[2Jb", "x/"],
)
def test_a_listed_name_that_leads_out_of_the_folder_is_refused(site: FakePhysionet, tmp_path: Path, name: str) -> None:
    site.files[f"{MITDB}/SHA256SUMS.txt"] += f"{'0' * 64} {name}\n".encode()
    with pytest.raises(DataError, match="line 5 has a file name that leads out of the folder"):
        fetch(site, tmp_path)
    assert content(tmp_path) == {}


@pytest.mark.parametrize("text", [b"<html>Sign in</html>\n", b"", b"abc 100.dat\n", b"\xff\xfe\n"])
def test_a_list_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(DataError, match=r"list: (line 1 is not|names no file)"):
        read_sums(text, "list")


def test_a_list_is_read_with_one_space_as_physionet_writes_it_and_as_sha256sum_does() -> None:
    text = f"{'0' * 64} a\n{'1' * 64}  b c\r\n{'2' * 64} *d/e\n\n"
    assert read_sums(text.encode(), "list") == {"a": "0" * 64, "b c": "1" * 64, "d/e": "2" * 64}


def test_a_name_with_two_checksums_is_refused() -> None:
    with pytest.raises(DataError, match="second checksum"):
        read_sums(f"{'0' * 64}  x\n{'1' * 64} *x\n".encode(), "list")


def test_an_unknown_database_offers_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mitbih'"):
        download("mitbhi", tmp_path)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://physionet.org/files",
        "file:///etc",
        "ftp://127.0.0.1",
        "http://127.0.0.1@physionet.org",
        "https://me:key@x",
    ],
)
def test_nothing_but_https_is_asked(tmp_path: Path, base_url: str) -> None:
    with pytest.raises(ConfigError, match="begins with https://"):
        download("mitbih", tmp_path, base_url=base_url)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_does_not_fit_on_the_disk_is_refused_before_the_first_request(
    site: FakePhysionet, tmp_path: Path
) -> None:
    if shutil.disk_usage(tmp_path).free > DATABASES["icentia11k"].least_bytes:
        pytest.skip("this disk has room for Icentia11k")
    with pytest.raises(DataError, match=r"icentia11k: needs 1,136,2\d\d MB"):
        download("icentia11k", tmp_path, base_url=site.url)
    assert site.seen == []


def test_two_downloads_into_one_folder_are_refused(site: FakePhysionet, tmp_path: Path) -> None:
    (tmp_path / "mitdb").mkdir()
    descriptor = os.open(tmp_path / "mitdb", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(DataError, match="another download"):
            fetch(site, tmp_path)
    finally:
        os.close(descriptor)


def test_a_root_that_is_a_file_is_refused(site: FakePhysionet, tmp_path: Path) -> None:
    (tmp_path / "root").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        fetch(site, tmp_path / "root")


def test_a_folder_in_the_place_of_a_file_is_an_error_that_names_it(site: FakePhysionet, tmp_path: Path) -> None:
    (tmp_path / "mitdb" / "100.hea").mkdir(parents=True)
    with pytest.raises(DataError, match=r"100\.hea.*cannot be written"):
        fetch(site, tmp_path)
