"""What the settings of every network have: rates of dropout, and how features beside the signal are read."""

from pydantic import Field

from kerasmed.config.component import ComponentConfig


class NetworkConfig(ComponentConfig):
    """Settings of a network. What the data decide (input shape, classes) comes in the spec."""

    dropout_rate: float = Field(default=0.2, ge=0, lt=1)
    feature_widths: tuple[int, ...] = Field(
        default=(32, 64), description="widths of the layers that read features such as RR"
    )
    feature_noise: float = Field(default=0.1, ge=0, description="noise on standardised features while training")
    head_dropout_rate: float = Field(default=0.2, ge=0, lt=1)
