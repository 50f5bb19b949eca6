"""A model file that is opened and run in a process of its own, which can do nothing but answer.

A `.keras` or `.onnx` file may come from anywhere, also where the manifest beside it fits: whoever made the file can
make the manifest. So the process that predicts never reads it. A child process does, under limits
(`export/confine.py`); inputs and answers pass between the two as plain float32 in a scratch folder, so that no
answer has to be parsed.
"""

import json
import math
import os
import selectors
import stat
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from kerasmed import files
from kerasmed.errors import ConfigError, ContractError, KerasmedError
from kerasmed.export.child_process import child_command, child_environment, in_words, last_words
from kerasmed.export.confine import Limits
from kerasmed.spec import ExampleSpec
from kerasmed.versions import is_plain, spec_of

Array = np.ndarray
Kind = Literal["onnx", "keras"]
CHILD = "kerasmed.inference.apart_child"
OWN = "own"  # in the scratch folder
MAX_REPLY_BYTES = 64 * 1024 * 1024
_PATIENCE_S = 5.0  # for a child that has closed its end of the pipe to be gone


@dataclass(frozen=True)
class Opened:
    """What the child says of the file.

    Attributes:
        spec: What the model reads and answers.
        version: "name/version" that an `.onnx` file carries; else the name of the file.
        thresholds: The tree of thresholds.json that an `.onnx` file carries; None where there is none.
    """

    spec: ExampleSpec
    version: str
    thresholds: dict[str, Any] | None


class ModelApart:
    """A model file in its child process, from `open_apart` until nobody holds it any more.

    Attributes:
        opened: What the file says of itself.
    """

    def __init__(self, name: str, child: "_Child", opened: Opened) -> None:
        self.opened, self._name, self._child = opened, name, child

    def scores(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What the model answers.

        Args:
            inputs: float32 (batch, *shape) by the names of the spec.

        Returns:
            float32 (batch, num_classes) by target; (batch, height, width, ...) of masks and places.

        Raises:
            ContractError: It failed, died, or did not answer in time.
        """
        who, spec, scratch = f"{self._name}: it", self.opened.spec, self._child.scratch
        self._child.require_alive(who)
        for place, name in enumerate(spec.inputs):
            np.ascontiguousarray(inputs[name], np.float32).tofile(scratch / f"input-{place}")
        shapes = {name: list(inputs[name].shape) for name in spec.inputs}
        self._child.ask({"shapes": shapes}, who)
        shapes_of_answers = answer_shapes(spec, shapes)
        return {
            name: _read_answer(self._name, self._child.own / f"answer-{place}", shapes_of_answers[name])
            for place, name in enumerate(spec.targets)
        }


def answer_shapes(spec: ExampleSpec, shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """By target the shape of the answers to inputs of these shapes, all with their batch axis."""
    rows = next(iter(shapes.values()))[0]
    picture = tuple(shapes[spec.picture][1:]) if spec.picture else ()
    return {name: (rows, *target.answer_shape(picture)) for name, target in spec.targets.items()}


def open_apart(
    path: Path,
    kind: Kind,
    *,
    spec: ExampleSpec | None = None,
    backend: str = "jax",
    sha256: str | None = None,
    limits: Limits | None = None,
) -> ModelApart:
    """Open a model file in a child process.

    The child is given a copy, so that what was hashed is what is opened.

    Args:
        path: `.onnx` or `.keras` file.
        kind: Which of the two.
        spec: What it must read and answer; None where the `.onnx` file itself is to tell.
        backend: Of keras, for a `.keras` file.
        sha256: What the manifest says of the file; None where no manifest does.
        limits: What the child is given.

    Raises:
        ContractError: The file is damaged, unsafe or too large, is not what the manifest says, or ended the child.
        ConfigError: A package is missing.
    """
    scratch = tempfile.TemporaryDirectory(prefix="kerasmed-apart-")
    folder = Path(scratch.name)
    copy = folder / "file" / path.name  # by its own name, which errors tell
    copy.parent.mkdir()
    try:
        _copy(path, copy, sha256)
    except BaseException:
        scratch.cleanup()
        raise
    order = {
        "kind": kind,
        "file": str(copy),
        "spec": None if spec is None else spec.to_json(),
        "backend": backend,
        "limits": (limits or Limits()).to_json(),
    }
    child = _Child(scratch, order, limits or Limits())
    said = child.ask(None, f"{path.name}: it")
    return ModelApart(path.name, child, _opened(said, spec, path.name))


def _opened(said: Mapping[str, Any], spec: ExampleSpec | None, name: str) -> Opened:
    thresholds, version = said.get("thresholds"), str(said.get("version", name))
    if not is_plain(version):
        raise ContractError(f"{name}: carries a name that cannot be shown.")
    return Opened(
        spec or spec_of(said.get("spec"), name), version, thresholds if isinstance(thresholds, dict) else None
    )


def _copy(path: Path, copy: Path, sha256: str | None) -> None:
    """Copy a model file; refuse what is no file, and what does not have the hash that it should."""
    if not path.is_file():
        raise ContractError(f"{path}: is no file.")
    if path.stat().st_size > Limits.file_bytes:
        raise ContractError(f"{path}: is larger than {Limits.file_bytes} bytes; refused.")
    with path.open("rb") as source, copy.open("xb") as target:
        while piece := source.read(1024 * 1024):
            target.write(piece)
    if sha256 is not None and files.sha256_file(copy) != sha256:
        raise ContractError(f"{path}: is missing or not what the manifest of the model says; export it again.")


def _read_answer(name: str, path: Path, shape: tuple[int, ...]) -> Array:
    """The numbers in a file of the child, which may have put a link or a pipe there."""
    wanted = math.prod(shape) * 4
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(wanted + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError as error:
        raise ContractError(f"{name}: its answer cannot be read ({error.strerror}).") from error
    if len(content) != wanted:
        raise ContractError(f"{name}: its answer is not {' x '.join(map(str, shape))} numbers.")
    return np.frombuffer(content, np.float32).reshape(shape)


@dataclass
class _Child:
    """The child process: asked one question at a time; ended with its folder when nobody can ask it any more."""

    folder: "tempfile.TemporaryDirectory[str]"
    order: dict[str, Any]
    limits: Limits
    process: "subprocess.Popen[bytes]" = field(init=False)
    close: "weakref.finalize[..., _Child]" = field(init=False)

    def __post_init__(self) -> None:
        files.write_json(self.scratch / "order.json", self.order)
        self.own.mkdir()
        with (self.scratch / "said").open("wb") as said:
            self.process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                child_command(CHILD, str(self.scratch / "order.json")),
                cwd=self.own, env=child_environment(self.own, self.order["backend"]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            )  # fmt: skip
        self.close = weakref.finalize(self, _end, self.process, self.folder)

    @property
    def scratch(self) -> Path:
        """Where this process writes; the child reads here, and can plant no link that would be written through."""
        return Path(self.folder.name)

    @property
    def own(self) -> Path:
        """The only folder that the child can write into."""
        return self.scratch / OWN

    def require_alive(self, who: str) -> None:
        """Raise `ContractError` where the child was ended before."""
        if not self.close.alive:
            raise ContractError(f"{who} ended its process before, and is not asked again.")

    def ask(self, question: Mapping[str, Any] | None, who: str) -> dict[str, Any]:
        """The reply to a question; None waits for what the child says of the file when it has opened it.

        A child that fails once is ended.
        """
        try:
            return _reply(self._line_for(question, who), who)
        except KerasmedError:
            self.close()
            raise

    def _line_for(self, question: Mapping[str, Any] | None, who: str) -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if question is not None:
            try:
                self.process.stdin.write(json.dumps(question).encode() + b"\n")
                self.process.stdin.flush()
            except BrokenPipeError as error:
                raise self._died(who) from error
        line = _read_line(self.process.stdout, self.limits.seconds)
        if line is None:
            raise ContractError(
                f"{who} did not answer within {self.limits.seconds:g} s and was ended; --time-limit gives it more."
            )
        if not line.endswith(b"\n"):
            raise self._died(who)
        return line

    def _died(self, who: str) -> ContractError:
        try:
            code = self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        said = last_words((self.scratch / "said").read_bytes()[-4096:])
        return ContractError(
            f"{who} ended the process that ran it ({in_words(code)}), which had {self.limits.memory_bytes / 1e9:g} GB "
            f"of memory; --memory-limit gives it more." + (f" It said: {said[-200:]}" if said else "")
        )


def _reply(line: bytes, who: str) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{who} gave no answer that can be read.") from error
    if not isinstance(reply, dict):
        raise ContractError(f"{who} gave no answer that can be read.")
    if "error" in reply:
        kind = ConfigError if reply.get("exit_code") == ConfigError.exit_code else ContractError
        said = " ".join(str(reply["error"]).split())[:1000]
        raise kind("".join(letter if letter.isprintable() else "?" for letter in said))
    return reply


def _read_line(stream: IO[bytes], seconds: float) -> bytes | None:
    """A line, or what there was of it when the stream ended; None where it did not come in time."""
    last, line = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        while not line.endswith(b"\n") and len(line) < MAX_REPLY_BYTES:
            if not waiting.select(max(last - time.monotonic(), 0.0)):
                return None
            piece = stream.read1(1024 * 1024)  # type: ignore[attr-defined]
            if not piece:
                break
            line += piece
    return line


def _end(process: "subprocess.Popen[bytes]", folder: "tempfile.TemporaryDirectory[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        try:
            pipe.close()
        except BrokenPipeError:  # what was never sent
            continue
    folder.cleanup()
