import tracemalloc

import numpy as np
import pytest

from kerasmed.data import rows
from kerasmed.data.rows import Columns, RowFile


def parts_of(counts, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(-100, 100, (count, 3, 2)).astype(np.int16) for count in counts]


@pytest.mark.parametrize("flush_bytes", [1, 50, 1 << 20])
@pytest.mark.parametrize("counts", [(1,), (0, 3), (4, 0, 1, 7), (1,) * 1200])
def test_a_file_of_parts_is_that_of_the_whole_array_byte_for_byte(counts, flush_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "FLUSH_BYTES", flush_bytes)
    parts = parts_of(counts)
    with RowFile(tmp_path / "a.npy") as file:
        for part in parts:
            file.append(part)
    np.save(tmp_path / "b.npy", np.concatenate(parts))
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_memory_holds_no_more_than_is_written_at_once(tmp_path):
    tracemalloc.start()
    with RowFile(tmp_path / "a.npy") as file:
        for _ in range(40):
            file.append(np.ones((1, 1 << 19), np.int16))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "a.npy").stat().st_size > 40 << 20
    assert peak_bytes < 12 << 20


def test_without_a_part_there_is_no_file(tmp_path):
    with RowFile(tmp_path / "a.npy"):
        pass
    assert not (tmp_path / "a.npy").exists()


def test_a_part_of_another_shape_or_type_names_the_file(tmp_path):
    (part,) = parts_of((2,))
    for other in (part[:, :1], part.astype(np.int32)):
        with RowFile(tmp_path / "a.npy") as file:
            file.append(part)
            with pytest.raises(AssertionError, match=r"a\.npy"):
                file.append(other)
        (tmp_path / "a.npy").unlink()


@pytest.mark.parametrize("count", [1, 3, 4, 17])
def test_columns_are_their_parts_in_order(count, monkeypatch):
    monkeypatch.setattr(rows, "MERGE_PARTS", 4)
    columns = Columns()
    for number in range(count):
        columns.append({"id": np.array([f"{number}", "x" * number]), "age": np.array([number, 0], np.float32)})
    whole = columns.whole()
    assert whole["id"].tolist() == [word for number in range(count) for word in (f"{number}", "x" * number)]
    assert whole["age"].dtype == np.float32
