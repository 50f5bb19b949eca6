import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from kerasmed.config.run import Loader
from kerasmed.data.loaders import open_stream
from kerasmed.data.loaders.watch import Watch, WatchedStream, watched
from kerasmed.errors import DataError, TrainingError
from tests.fakes.failing_reads import failing, hang, no_disk
from tests.fakes.toy import toy_stream


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "kerasmed reader"]


def test_a_watched_stream_holds_the_batches_of_the_stream():
    stream = toy_stream()
    with Watch(5.0) as watch:
        batch = WatchedStream(stream, watch)[7]
    for part, expected in zip(batch, stream[7], strict=True):
        for name in expected:
            np.testing.assert_array_equal(part[name], expected[name])


def test_a_read_that_raises_is_an_error_that_names_batch_and_file():
    with Watch(5.0) as watch, pytest.raises(DataError, match=r"batch of global step 3.*signal\.npy"):
        WatchedStream(failing(toy_stream(), 0, no_disk), watch)[3]


def test_a_read_that_never_returns_is_an_error_that_names_batch_and_setting():
    start = time.monotonic()
    with Watch(0.2) as watch, pytest.raises(TrainingError, match=r"global step 3 .*loader\.timeout_s=0\.2 s"):
        WatchedStream(failing(toy_stream(), 0, hang), watch)[3]
    assert time.monotonic() - start < 3.0


def test_after_a_read_that_hangs_the_next_one_fails_at_once():
    with Watch(0.2) as watch:
        stream = WatchedStream(failing(toy_stream(), 0, hang), watch)
        with pytest.raises(TrainingError):
            stream[0]
        start = time.monotonic()
        with pytest.raises(TrainingError):
            stream[1]
    assert time.monotonic() - start < 0.1


def test_a_file_that_became_shorter_is_named_and_does_not_kill_the_process(tmp_path):
    stream, path = toy_stream(), tmp_path / "signal.npy"
    np.save(path, stream.inputs["signal"])
    mapped = replace(stream, inputs={**stream.inputs, "signal": np.load(path, mmap_mode="r")})
    with Watch(5.0) as watch:
        batches = WatchedStream(mapped, watch)
        batches[0]
        os.truncate(path, 4096)
        with pytest.raises(DataError, match=r"signal\.npy: became shorter"):
            batches[1]


def test_what_an_engine_made_of_a_failure_is_replaced_by_the_failure():
    with pytest.raises(DataError, match="global step 0"), Watch(5.0) as watch:  # noqa: PT012
        try:
            WatchedStream(failing(toy_stream(), 0, no_disk), watch)[0]
        except DataError as error:
            raise RuntimeError("UnknownError: a text that says little") from error


def test_an_interrupt_stays_an_interrupt():
    with pytest.raises(KeyboardInterrupt), Watch(5.0) as watch:  # noqa: PT012
        with pytest.raises(DataError):
            WatchedStream(failing(toy_stream(), 0, no_disk), watch)[0]
        raise KeyboardInterrupt


def test_the_threads_of_a_watch_end_with_it():
    # Readers that tests before left hanging may end meanwhile, so ours are known by identity and not by number.
    before = set(readers())
    with Watch(5.0) as watch:
        WatchedStream(toy_stream(), watch)[0]
        ours = set(readers()) - before
        assert ours
    for thread in ours:
        thread.join(5.0)
    assert not any(thread.is_alive() for thread in ours)


def test_watched_values_come_in_order_and_hang_no_longer_than_the_watch():
    def values():
        yield from (1, 2, 3)
        hang()

    with Watch(0.2) as watch:
        stream = watched(values(), watch, "a validation batch")
        assert [next(stream) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(TrainingError, match="a validation batch could not be read"):
            next(stream)


@pytest.mark.parametrize("engine", ["grain", "tfdata"])
@pytest.mark.parametrize(("fail", "said"), [(no_disk, r"signal\.npy"), (hang, r"loader\.timeout_s")])
def test_each_engine_carries_a_failed_read_to_the_training(engine, fail, said, one_backend):
    stream = failing(toy_stream(), 3, fail)
    with pytest.raises((DataError, TrainingError), match=said), Watch(0.3) as watch:
        for _ in open_stream(WatchedStream(stream, watch), Loader(engine=engine)):
            pass
