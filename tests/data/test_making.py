import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from kerasmed.config.dataset import Ptbxl
from kerasmed.data import making
from kerasmed.data.ahead import in_order, portions
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.sources.ptbxl import build_ptbxl
from kerasmed.errors import KerasmedError
from tests.fakes.ptbxl import LEADS, heart_mv, write_ptbxl
from tests.fakes.wfdb_files import write_record

LENIENT = BadRecordPolicy(max_rate=0.5)


@pytest.fixture
def dataset(tmp_path):
    return build_ptbxl(Ptbxl(), write_ptbxl(tmp_path).parent)


@pytest.fixture
def processes(monkeypatch):
    """Few records are enough for processes, and there are two of them."""
    monkeypatch.setattr(making, "LEAST_FOR_PROCESSES", 1)
    monkeypatch.setattr(making, "PORTION", 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def replaced(dataset, number, signal_mv):
    """Put another signal in the place of a record's."""
    header = dataset.records[number].files[0]
    write_record(header.parent, header.stem, signal_mv, 100, LEADS, adc_gain=1000)


def ended(make_examples, record):
    if record.record_id == "17":
        os._exit(7)
    return make_examples(record)


def broken(make_examples, record):
    if record.record_id == "17":
        raise ValueError("of our own making")
    return make_examples(record)


def test_processes_make_the_set_that_one_would(dataset, processes, tmp_path, monkeypatch):
    replaced(dataset, 5, np.zeros((1000, 12)))
    many = prepare(dataset, tmp_path / "many", LENIENT)
    monkeypatch.setattr(making, "LEAST_FOR_PROCESSES", 1000)
    one = prepare(dataset, tmp_path / "one", LENIENT)
    assert many.manifest == one.manifest
    assert [item.reason for item in many.quarantine] == [item.reason for item in one.quarantine]
    assert "(flat)" in many.quarantine[0].reason


def test_what_processes_log_is_logged_here(dataset, processes, tmp_path, caplog):
    tall = heart_mv(10, 100)
    tall[500, 8] = 40
    header = dataset.records[3].files[0]
    write_record(header.parent, header.stem, tall, 100, LEADS, adc_gain=500)
    with caplog.at_level(logging.WARNING):
        prepare(dataset, tmp_path / "cache", LENIENT)
    assert "4: 1 samples beyond 32.767 were clipped" in caplog.messages


def test_a_process_that_ends_is_told(dataset, processes, tmp_path):
    dying = replace(dataset, make_examples=partial(ended, dataset.make_examples))
    with pytest.raises(KerasmedError, match=r"a process that prepares records ended \(exit code 7\)"):
        prepare(dying, tmp_path / "cache", LENIENT)


def test_what_is_no_fault_of_a_record_ends_the_run_with_its_trace(dataset, processes, tmp_path):
    failing = replace(dataset, make_examples=partial(broken, dataset.make_examples))
    with pytest.raises(KerasmedError, match=r"(?s)failed: ValueError: of our own making\n.*in broken"):
        prepare(failing, tmp_path / "cache", LENIENT)


def test_what_has_no_name_elsewhere_is_made_here(dataset, processes, tmp_path):
    here = replace(dataset, make_examples=lambda record: dataset.make_examples(record))
    assert len(prepare(here, tmp_path / "cache", LENIENT)) == 40


def test_results_come_in_order_and_no_more_are_made_ahead_than_asked_for():
    begun, lock = [], threading.Lock()

    def work(number):
        with lock:
            begun.append(number)
        return number

    with ThreadPoolExecutor(3) as pool:
        results = in_order(pool, work, range(100), 5)
        taken = []
        for number in results:
            taken.append(number)
            assert len(begun) <= len(taken) + 6
    assert taken == list(range(100))


def test_work_that_nobody_waits_for_is_not_begun():
    begun = []
    with ThreadPoolExecutor(1) as pool:
        results = in_order(pool, begun.append, range(1000), 4)
        next(results)
        results.close()
    assert len(begun) <= 6


def test_portions_hold_everything_once():
    assert list(portions(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(portions([], 3)) == []
