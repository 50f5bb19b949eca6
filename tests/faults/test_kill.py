"""A run that is killed and killed again ends with the bits of the run that nobody killed (F1); see `make faults`."""

from pathlib import Path

import pytest

from tests.faults.kill_chain import Killing, draw_kills, history, steps_per_epoch

SEED = 2


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """jax compiles for the first of many processes; half of each one's time would go there. `make faults` does
    without."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_COMPILATION_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("JAX_PERSISTENT_COMPILATION_CACHE_MIN_ENTRY_SIZE_BYTES", "0")


@pytest.mark.parametrize("times", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_ends_with_the_same_bits(times, backend, simulated_root, remembered, tmp_path) -> None:
    killing = Killing(backend, simulated_root, tmp_path)
    straight = killing.straight()
    epochs = history(straight)
    rates = [row["learning_rate"] for row in epochs]
    assert len(epochs) < 12, "early stopping has something to say"
    assert min(rates) < max(rates), "the plateau has something to say"
    found = killing.chain(straight, "chain", draw_kills(straight, SEED, times))
    assert found.wrong == []
    assert len(found.kills) == times
    assert found.within >= times // 2
    assert found.redone <= steps_per_epoch(straight)
