"""Arrays on disk that grow row by row, and columns in memory that do."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from kerasmed.data.records import Array

FLUSH_BYTES = 4 << 20
MERGE_PARTS = 1024


class RowFile:
    """A C-contiguous `.npy` file, to which parts of any number of rows are appended; complete once it is closed."""

    # Plain writes and no memory map: a full disk is an error at the write, where a map would end the process (SIGBUS).

    def __init__(self, path: Path) -> None:
        self.path, self.num_rows = path, 0
        self._parts: list[Array] = []
        self._num_bytes = 0
        self._layout: tuple[np.dtype[Any], tuple[int, ...]] | None = None
        self._file: BinaryIO | None = None
        self._start = 0

    def append(self, part: Array) -> None:
        """Add the rows of `part`, which must be of the type and shape of those before."""
        layout = (part.dtype, part.shape[1:])
        self._layout = self._layout or layout
        assert layout == self._layout, f"{self.path.name}: {part.dtype} {part.shape}"
        self._parts.append(part)
        self.num_rows += len(part)
        self._num_bytes += part.nbytes
        if self._num_bytes >= FLUSH_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the header anew where it told of fewer rows; nothing where there never was a part."""
        if self._layout is None:
            return
        was_open = self._file is not None
        self._flush()
        assert self._file is not None
        if was_open:
            # The header of numpy leaves room for as many digits as a first axis can have.
            self._file.seek(0)
            self._write_header()
            assert self._file.tell() == self._start
        self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush(self) -> None:
        if self._file is None:
            self._file = self.path.open("xb")
            self._write_header()
            self._start = self._file.tell()
        if self._parts:
            part = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
            self._file.write(np.ascontiguousarray(part).data)
        self._parts, self._num_bytes = [], 0

    def _write_header(self) -> None:
        assert self._layout is not None
        assert self._file is not None
        dtype, shape = self._layout
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": (self.num_rows, *shape),
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.abandon()


class Columns:
    """Columns that grow by parts; small arrays are merged now and then, since each takes more than what it holds."""

    def __init__(self) -> None:
        self._recent: dict[str, list[Array]] = {}
        self._merged: dict[str, list[Array]] = {}

    def append(self, part: Mapping[str, Array]) -> None:
        """Add values to each column."""
        for name, values in part.items():
            recent = self._recent.setdefault(name, [])
            recent.append(values)
            if len(recent) >= MERGE_PARTS:
                self._merged.setdefault(name, []).append(np.concatenate(recent))
                recent.clear()

    def whole(self) -> dict[str, Array]:
        """Every column as one array."""
        return {name: np.concatenate([*self._merged.get(name, []), *recent]) for name, recent in self._recent.items()}
