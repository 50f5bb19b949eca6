"""CNN-LSTM: convolutions shorten the signal, a bidirectional LSTM reads it, attention picks what matters."""

from typing import Any

import keras
from keras import layers

from kerasmed.config.model import CnnLstm
from kerasmed.models.blocks import batch_norm, dropout, head, open_inputs
from kerasmed.spec import ExampleSpec


def build_cnn_lstm(config: CnnLstm, spec: ExampleSpec) -> keras.Model:
    """Conv blocks of stride 2, BiLSTM, additive attention over time; rank-1 inputs join before the last layer."""
    inputs = open_inputs(spec)
    x = inputs["signal"]
    for width, kernel in zip(config.conv_widths, config.conv_kernels, strict=True):
        x = layers.Conv1D(width, kernel, 2, padding="same", use_bias=False)(x)  # (time / 2, width)
        x = dropout(config.dropout_rate)(layers.Activation("relu")(batch_norm()(x)))
    x = layers.Bidirectional(layers.LSTM(config.lstm_units, return_sequences=True))(x)  # (time / 8, 2 * units)
    return keras.Model(inputs, head(_attend(x), inputs, spec, config), name="cnn_lstm")


def _attend(x: Any) -> Any:
    """Mean of `x` over time, each step weighted by a learned score; joined with the maximum over time."""
    score = layers.Softmax(axis=1)(layers.Dense(1)(layers.Dense(x.shape[-1], activation="tanh")(x)))
    mean = layers.Flatten()(layers.Dot(axes=1)([score, x]))
    return layers.Concatenate()([mean, layers.GlobalMaxPooling1D()(x)])
