"""Floating-point operations of a network: what XLA counts of its gradient, one way for all backends."""

from pathlib import Path
from typing import Any

from kerasmed import runtime
from kerasmed.config.load import load_run
from kerasmed.spec import ExampleSpec

BATCH = 8  # the count is told for one example


def count_flops(order: dict[str, Any]) -> dict[str, float]:
    """Operations for one example: of an answer, and of a step (answer and gradients, without the optimizer).

    Counted on the graph before the compiler changes it, on jax, where nothing needs to be computed.
    """
    config = load_run(Path(order["config"]))
    runtime.use_backend("jax")
    import jax
    from keras import ops

    from kerasmed.models.windows import build_network, window_spec

    spec = ExampleSpec.from_json(order["spec"])
    network = build_network(config, spec)
    inputs = {
        name: ops.zeros((BATCH, *array.shape), "float32")
        for name, array in window_spec(spec, config.crops).inputs.items()
    }
    fixed = [variable.value for variable in network.non_trainable_variables]

    def answer(trained: Any) -> Any:
        logits, _ = network.stateless_call(trained, fixed, inputs, training=True)
        return sum(ops.sum(values) for values in logits.values())

    trained = [variable.value for variable in network.trainable_variables]
    return {
        name: float(jax.jit(function).lower(trained).cost_analysis()["flops"]) / BATCH
        for name, function in (("answer", answer), ("step", jax.grad(answer)))
    }
