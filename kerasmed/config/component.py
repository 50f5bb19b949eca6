"""The two bases of every setting: frozen data, no unknown field."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class ComponentConfig(Settings):
    """Settings of a thing that can be built: `kind` names it, `builder` is the function that makes it."""

    builder: ClassVar[str]
    kind: str
