import pytest

WIDTH = 32


@pytest.fixture(autouse=True)
def _tensorflow_alone(backend):
    if backend != "tensorflow":
        pytest.skip("TensorFlow alone ends without a word")


def traced(batch, between=lambda values: values):
    """A step of two layers on `batch` examples; nothing runs yet."""
    import tensorflow as tf

    first, second = tf.Variable(tf.ones([64, WIDTH])), tf.Variable(tf.ones([WIDTH, 4]))

    def step(examples):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(between(tf.nn.relu(examples @ first)) @ second)
        for weights, gradient in zip((first, second), tape.gradient(loss, (first, second)), strict=True):
            weights.assign_sub(gradient)
        return loss

    return tf.function(step).get_concrete_function(tf.TensorSpec([batch, 64]))


def kept(*arguments):
    from kerasmed.training.on_tensorflow.room import kept_bytes

    return kept_bytes(traced(*arguments).graph)


def test_what_the_way_back_reads_is_kept():
    assert kept(100) == 100 * WIDTH * 4


def test_an_answer_that_lies_where_another_lay_is_counted_once():
    import tensorflow as tf

    assert kept(100, lambda values: tf.reshape(tf.reshape(values, [50, -1]), [100, WIDTH])) == 100 * WIDTH * 4


def test_an_answer_that_both_layers_need_is_counted_with_the_other():
    import tensorflow as tf

    assert kept(100, tf.tanh) == 2 * 100 * WIDTH * 4


def test_what_only_an_unused_gradient_reads_is_not_counted():
    import tensorflow as tf

    def with_unused_gradient(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            squares = tf.exp(values)
        tape.gradient(squares, values)
        return values

    assert kept(100, with_unused_gradient) == 100 * WIDTH * 4


def test_a_step_whose_room_is_nowhere_is_refused_before_it_runs():
    from kerasmed.training.memory import limited_memory
    from kerasmed.training.on_tensorflow.room import require_memory

    small, large = traced(100), traced(1 << 22)
    with limited_memory(100_000_000):
        require_memory(small)
        with pytest.raises(MemoryError):
            require_memory(large)
    require_memory(large)


def test_where_tensorflow_has_a_gpu_nothing_is_asked_of_the_memory_of_the_host(monkeypatch):
    import tensorflow as tf

    from kerasmed.training.memory import limited_memory
    from kerasmed.training.on_tensorflow.room import require_memory

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    large = traced(1 << 22)
    with limited_memory(100_000_000):
        require_memory(large)
