"""A run that is killed ten times ends with the bits of the run that nobody killed (F1). `make faults` does more."""

from pathlib import Path

import pytest

from tests.faults.kill_chain import Killing, draw_kills, history, steps_per_epoch

SEED = 2


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """jax compiles for the first of the twelve processes; half of each one's time would go there. `make faults` does
    without."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_COMPILATION_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("JAX_PERSISTENT_COMPILATION_CACHE_MIN_ENTRY_SIZE_BYTES", "0")


def test_a_run_that_is_killed_ten_times_ends_with_the_same_bits(backend, simulated_root, remembered, tmp_path) -> None:
    killing = Killing(backend, simulated_root, tmp_path)
    straight = killing.straight()
    epochs = history(straight)
    rates = [row["learning_rate"] for row in epochs]
    assert len(epochs) < 12, "early stopping has something to say"
    assert min(rates) < max(rates), "the plateau has something to say"
    found = killing.chain(straight, "chain", draw_kills(straight, SEED))
    assert found.wrong == []
    assert len(found.kills) == 10
    assert found.within >= 5
    assert found.redone <= steps_per_epoch(straight)
