"""config -> object: the one indirection in the system."""

import importlib
from typing import Any

from kerasmed.config.component import ComponentConfig


def build(config: ComponentConfig, *args: Any, **kwargs: Any) -> Any:
    """Call the builder that the class of `config` names: `builder(config, *args, **kwargs)`."""
    module, _, function = config.builder.partition(":")
    return getattr(importlib.import_module(module), function)(config, *args, **kwargs)
