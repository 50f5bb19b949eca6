import random
from dataclasses import replace

import numpy as np
import pytest

from kerasmed.errors import TrainingError
from kerasmed.training.auto_batch import (
    NO_MEMORY_CODE,
    ProbeTimeoutError,
    largest_batch,
    probe,
    search,
    with_largest_batch,
    write_request,
)
from tests.fakes.toy import toy_config, toy_spec, toy_stream

LONG_S = 120.0


def wide_config(backend="jax", batch_size=32):
    """The toy network with a first layer so wide that an example of it takes about 200 kB."""
    config = toy_config()
    return config.model_copy(
        update={
            "backend": backend,
            "model": config.model.model_copy(update={"stem_width": 256}),
            "loader": config.loader.model_copy(update={"batch_size": batch_size}),
        }
    )


def up_to(most, tried=None):
    def fits(size):
        if tried is not None:
            tried.append(size)
        return size <= most

    return fits


@pytest.mark.parametrize(
    ("start", "fitting", "examples", "found"),
    [(32, 300, 10_000, 256), (32, 10**9, 100, 64), (32, 5, 10_000, 4), (1, 1, 10_000, 1), (48, 48, 10_000, 48)],
)
def test_a_batch_is_doubled_while_it_fits_and_halved_while_it_does_not(start, fitting, examples, found):
    assert search(up_to(fitting), start, examples) == found


def test_no_size_is_tried_twice_and_none_beyond_the_examples():
    tried = []
    search(up_to(10**9, tried), 32, 200)
    assert tried == [32, 64, 128]


def test_where_not_one_example_fits_the_error_says_what_to_do():
    with pytest.raises(TrainingError, match="smaller model"):
        search(up_to(0), 32, 200)


def test_a_larger_batch_that_takes_too_long_ends_the_search_with_what_fits():
    def fits(size):
        if size > 64:
            raise ProbeTimeoutError("too slow")
        return True

    assert search(fits, 32, 10_000) == 64


def test_a_batch_fits_or_not_by_the_memory_that_is_given(backend):
    config, stream = wide_config(backend), toy_stream()
    before = random.getstate(), np.random.get_state()[1].tolist()
    assert probe(config, toy_spec(), stream, 64, 3 * 10**9, LONG_S) == ""
    assert probe(config, toy_spec(), stream, 8192, 3 * 10**8, LONG_S) != ""
    assert before == (random.getstate(), np.random.get_state()[1].tolist())


def test_a_thread_that_finds_no_room_is_a_lack_of_memory(backend, tmp_path, monkeypatch):
    from kerasmed.training import batch_probe

    def without_room(*told):
        raise RuntimeError("can't start new thread")

    write_request(tmp_path, wide_config(backend), toy_spec(), toy_stream(), 8, None)
    monkeypatch.setattr(batch_probe, "_train", without_room)
    assert batch_probe.main(tmp_path) == NO_MEMORY_CODE


def test_a_child_that_fails_for_another_reason_is_reported(one_backend):
    without_signal = {"rr": toy_spec().inputs["rr"]}
    with pytest.raises(TrainingError, match=r"loader\.batch_size=8 ended with 1: KeyError: 'signal'"):
        probe(wide_config(one_backend), replace(toy_spec(), inputs=without_signal), toy_stream(), 8, None, LONG_S)


def test_a_child_that_does_not_end_is_ended():
    with pytest.raises(ProbeTimeoutError, match=r"within 0\.1 s"):
        probe(wide_config(), toy_spec(), toy_stream(), 8, None, 0.1)


def test_the_found_size_is_in_the_config_and_is_not_searched_again(one_backend):
    stream = toy_stream(num_examples=20)
    config = wide_config(one_backend, batch_size=64)
    found = with_largest_batch(config, toy_spec(), stream)
    assert found.loader.batch_size == len(stream.rows) == 15
    assert not found.trainer.auto_batch


@pytest.mark.slow
def test_less_memory_gives_a_smaller_batch(backend):
    config, stream = wide_config(backend, batch_size=2048), toy_stream(num_examples=4096 * 4 // 3 + 4)
    small = largest_batch(config, toy_spec(), stream, memory_bytes=7 * 10**8)
    large = largest_batch(config, toy_spec(), stream, memory_bytes=4 * 10**9)
    assert small < large
