"""From `kind` to the class of its settings: our tables first, then what other packages offer."""

from kerasmed.config.any_dataset import DatasetConfig
from kerasmed.config.component import ComponentConfig
from kerasmed.config.dataset import DATASETS
from kerasmed.config.model import MODELS
from kerasmed.errors import ConfigError, unknown

# Section of a run to its table, its entry-point group and the class that its entries extend.
TABLES: dict[str, tuple[dict[str, type[ComponentConfig]], str, type[ComponentConfig]]] = {
    "dataset": ({**DATASETS}, "kerasmed.datasets", DatasetConfig),
    "model": (MODELS, "kerasmed.models", ComponentConfig),
}


def class_of(section: str, kind: str) -> type[ComponentConfig]:
    """The class whose settings a section of this kind holds.

    Raises:
        UnknownNameError: Neither we nor an installed package have the kind.
        ConfigError: The package that offers it offers something else, or two packages do.
    """
    table, group, base = TABLES[section]
    if kind in table:
        return table[kind]
    # Only now, since looking through every installed package takes longer than all the rest.
    from importlib.metadata import entry_points

    offers = entry_points(group=group)
    matching = [offer for offer in offers if offer.name == kind]
    if not matching:
        raise unknown(f"{section} kind", kind, {*table, *offers.names})
    if len(matching) > 1:
        raise ConfigError(f"{section} kind {kind!r} is offered twice: {', '.join(offer.value for offer in matching)}.")
    try:
        offered = matching[0].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{section} kind {kind!r}: {matching[0].value} cannot be loaded: {error}.") from error
    if not (isinstance(offered, type) and issubclass(offered, base)):
        raise ConfigError(f"{section} kind {kind!r}: {matching[0].value} is no {base.__name__}.")
    return offered
