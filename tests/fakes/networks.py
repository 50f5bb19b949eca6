"""Small networks of layers that exporters are known to get wrong, and a spec for them."""

from pathlib import Path

from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

NUM_SAMPLES = 32
# Written to a file and imported, since the export child must import it too.
CUSTOM_LAYER = '''"""A layer of the user's own."""

import keras


@keras.saving.register_keras_serializable("fakes")
class Gain(keras.layers.Layer):
    """Multiplies by a learned gain; `offset` is forgotten by get_config, as a careless author would."""

    offset = 0.0

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.gain + self.offset
'''


def write_custom_layer(folder: Path) -> None:
    """Write the module `gain_layer` into a folder."""
    (folder / "gain_layer.py").write_text(CUSTOM_LAYER)


def hard_spec() -> ExampleSpec:
    """Two inputs, and two answers of different kinds."""
    return ExampleSpec(
        inputs={
            "signal": ArraySpec((NUM_SAMPLES, 2), "int16", 1e-3, "mV", 128.0, ("MLII", "V1")),
            "rr": ArraySpec((3,), "float32", channels=("previous", "next", "local")),
        },
        targets={
            "label": TargetSpec("single_label", ("N", "S", "V")),
            "finding": TargetSpec("multi_label", ("AF", "AVB")),
        },
        recipe={"kind": "toy"},
    )


def hard_network(middle=None):
    """Convolution, batch norm, exact gelu, layer norm, a recurrent layer and fixed normalisation; logits by target.

    `middle` is a further layer, put before the answers.
    """
    import keras
    from keras import layers

    inputs = {name: keras.Input(array.shape, name=name) for name, array in hard_spec().inputs.items()}
    x = layers.Conv1D(6, 5, 2, padding="same")(inputs["signal"])
    x = layers.Activation("gelu")(layers.BatchNormalization()(x))
    x = layers.Bidirectional(layers.GRU(4))(layers.LayerNormalization()(x))
    rr = layers.Normalization(mean=[1.0, 1.0, 1.0], variance=[0.1, 0.2, 0.3])(inputs["rr"])
    x = layers.Concatenate()([x, rr])
    if middle is not None:
        x = middle(x)
    answers = {name: layers.Dense(len(t.classes), name=name)(x) for name, t in hard_spec().targets.items()}
    return keras.Model(inputs, answers, name="hard")
