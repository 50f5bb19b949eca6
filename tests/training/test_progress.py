import pytest

pytestmark = pytest.mark.usefixtures("backend")


def test_the_bar_is_drawn_on_stderr_so_that_stdout_is_left_to_the_answer():
    from kerasmed.training.callbacks.position import Position, TrackPosition
    from kerasmed.training.callbacks.progress import ShowBar

    position = TrackPosition(steps_per_epoch=10, per_execution=1, start=Position())
    bar = ShowBar(2, position)
    assert bar.bar.console.stderr
    bar.on_train_begin()
    position.on_epoch_begin(1)
    bar.on_epoch_begin(1)
    bar.on_train_batch_end(4, {"loss": 0.5})
    bar.close()
    (task,) = bar.bar.tasks
    assert (task.completed, task.description) == (15, "epoch 2/2  loss 0.5000")
