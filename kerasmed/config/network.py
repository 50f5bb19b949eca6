"""What the settings of every network have: rates of dropout, how features are read, and what an encoder starts from."""

from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from kerasmed.config.component import ComponentConfig

IMAGENET, NONE, RUN = "imagenet", "none", "run:"


class NetworkConfig(ComponentConfig):
    """Settings of a network. What the data decide (input shape, classes) comes in the spec."""

    dropout_rate: float = Field(default=0.2, ge=0, lt=1)
    feature_widths: tuple[int, ...] = Field(
        default=(32, 64), description="widths of the layers that read features such as RR"
    )
    feature_noise: float = Field(default=0.1, ge=0, description="noise on standardised features while training")
    head_dropout_rate: float = Field(default=0.2, ge=0, lt=1)


class EncoderConfig(NetworkConfig):
    """Settings of a network whose layers below the head, its encoder, can start from other weights."""

    # Name in keras.applications; None where there are no ImageNet weights.
    imagenet: ClassVar[str | None] = None

    weights: str | None = Field(
        default=None,
        description="what the encoder of a new training starts from: none, imagenet, a file "
        "(.weights.h5, .keras, .h5), the folder of a run, or run:NAME",
    )

    @field_validator("weights", mode="before")
    @classmethod
    def _none_is_null(cls, weights: object) -> object:
        return None if weights == NONE else weights

    @model_validator(mode="after")
    def _has_what_it_starts_from(self) -> Self:
        if self.weights == IMAGENET and self.imagenet is None:
            raise ValueError(f"there are no ImageNet weights of {self.kind}; write weights=none, a file or a run")
        return self
