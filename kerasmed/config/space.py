"""What `kerasmed tune` searches: paths of settings with the values that each may take, and how to search.

search: {method: random, trials: 20}
trainer.learning_rate: {log: [1e-5, 1e-2]}
loader.batch_size: [16, 32, 64]
model: [se_resnet1d_beat, cnn_lstm_beat]
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from kerasmed.config.component import Settings
from kerasmed.config.faults import fault, faults_of, shown
from kerasmed.config.load import load_run
from kerasmed.config.presets import list_presets, shown_path
from kerasmed.config.run import RunConfig
from kerasmed.config.strict_yaml import Node, read_file
from kerasmed.config.words import PATH, apply_words, parse_words
from kerasmed.errors import ConfigError, unknown

SPACE, SEARCH = "space", "search"
RANGES = ("log", "uniform")
# Settings that decide neither the batches nor the weights, or that a search sets itself.
NOT_SEARCHED = ("name", "tracking", "calibration", "evaluation", "pretraining", "backend", "trainer.stop_after")
DIGITS = 4
DEFAULT_TRIALS = 20


class Search(Settings):
    """How a space is searched."""

    method: Literal["grid", "random", "hyperband", "bayesian"] = "random"
    objective: str | None = Field(
        default=None, pattern=r"^(val_[a-z0-9_]+|loss)$", description="metric of an epoch; null: trainer.monitor"
    )
    direction: Literal["min", "max"] | None = Field(default=None, description="null: what the metric's name says")
    trials: int | None = Field(
        default=None, ge=1, le=100_000, description="at most; null: 20 of random and bayesian, all of a grid"
    )
    seed: int = Field(default=0, ge=0, lt=2**31)
    initial: int | None = Field(
        default=None, ge=1, description="of bayesian: random trials before it models; null: 3 for each parameter"
    )
    factor: int = Field(default=3, ge=2, le=16, description="of hyperband: one in so many goes on")
    iterations: int = Field(default=1, ge=1, le=1000, description="of hyperband: how often all brackets are run")
    memory_gb: float | None = Field(
        default=None, gt=0, description="a trial that allocates more fails; null: nine tenths of what is free, shared"
    )
    timeout_min: float | None = Field(default=None, gt=0, description="a trial that takes longer fails")
    max_failures: int = Field(default=5, ge=1, description="so many failed trials in a row end the search")

    @model_validator(mode="after")
    def _hyperband_counts_its_trials(self) -> Self:
        if self.method == "hyperband" and self.trials is not None:
            raise ValueError("hyperband counts its trials by trainer.epochs, factor and iterations; leave trials out")
        return self

    @property
    def most_trials(self) -> int | None:
        """The largest number of trials; None where the method ends by itself."""
        return DEFAULT_TRIALS if self.trials is None and self.method in ("random", "bayesian") else self.trials


@dataclass(frozen=True)
class Parameter:
    """A setting that is searched.

    Attributes:
        path: Of the setting.
        values: That it may take, JSON trees; empty where it is a range.
        low: End of a range, inside it.
        high: End of a range, inside it.
        log: The range is searched by powers.
        step: Between two values of a range; the factor where `log`. None: every value between the ends.
    """

    path: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn from a range."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def numeric(self) -> bool:
        """Whether its values lie on a scale."""
        return not self.values or all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)

    def as_setting(self, drawn: Any) -> Any:
        """The JSON tree that an oracle's value means; of a range no more digits than anybody would write."""
        if self.values:
            return self.values[drawn]
        if self.whole:
            return int(drawn)
        return min(max(float(f"{drawn:.{DIGITS}g}"), self.low), self.high)

    def word(self, setting: Any) -> str:
        """`path=value` for the command line."""
        return f"{self.path}={json.dumps(setting, ensure_ascii=False)}"

    def extremes(self) -> tuple[Any, ...]:
        """Every value, or the ends of a range."""
        return self.values or (self.low, self.high)


@dataclass(frozen=True)
class Space:
    """What is searched, and how."""

    search: Search
    parameters: tuple[Parameter, ...]

    def to_json(self) -> dict[str, Any]:
        """What decides which trials there are; limits of a trial do not."""
        free = {"memory_gb", "timeout_min", "max_failures"}
        search = {name: value for name, value in self.search.model_dump(mode="json").items() if name not in free}
        return {SEARCH: search, **{p.path: _as_written(p) for p in self.parameters}}

    def settings(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Path to setting of what an oracle drew."""
        return {p.path: p.as_setting(drawn[p.path]) for p in self.parameters}

    def words(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The words that make the base run a trial."""
        return tuple(p.word(settings[p.path]) for p in self.parameters)


def load_space(name: str, words: Sequence[str] = ()) -> Space:
    """The space of a file or a preset; words such as `search.trials=5` change how it is searched.

    Raises:
        ConfigError: Every fault, a line each, with its place.
    """
    presets = list_presets(SPACE)
    if name in presets:
        root = read_file(presets[name], shown_path(presets[name]))
    elif not Path(name).expanduser().exists() and not name.endswith((".yaml", ".yml")):
        raise unknown("space preset", name, presets)
    else:
        root = read_file(Path(name).expanduser())
    root = apply_words(root, parse_words(words))
    parameters = [_parameter(path, node) for path, node in root.value.items() if path != SEARCH]
    if not parameters:
        raise ConfigError(f"{root.place}: searches nothing; write lines such as trainer.learning_rate: [1e-3, 1e-4].")
    space = Space(_search(root.value.get(SEARCH, Node({}, root.place))), tuple(parameters))
    _refuse_ranges_of_a_grid(space, root)
    return space


def check_space(space: Space, run: str | Path, words: Sequence[str] = ()) -> RunConfig:
    """The base run, after every value of the space has been found to be one that it can take.

    Sections that are searched (`model`) are tried with every value of every setting.

    Raises:
        ConfigError: A value that the settings refuse, or a run that cannot be searched.
    """
    base = load_run(run, words)
    refuse_unsearchable(base)
    for path in (p.path for p in space.parameters):
        if path.split(".")[0] in NOT_SEARCHED or path in NOT_SEARCHED:
            raise ConfigError(f"{path}: cannot be searched; it decides nothing that a trial could be judged by.")
        if space.search.method == "hyperband" and path == "trainer.epochs":
            raise ConfigError("trainer.epochs: hyperband itself decides how long a trial trains; leave it out.")
    for changes in _combinations(space):
        refuse_unsearchable(load_run(run, (*words, *changes)))
    return base


def refuse_unsearchable(config: RunConfig) -> None:
    """Refuse what has no one model that its validation rows judge.

    Raises:
        ConfigError: A pretraining, or a cross-validation.
    """
    if config.pretraining is not None:
        raise ConfigError("a pretraining cannot be searched; write pretraining=null.")
    if getattr(config.dataset, "cross_validate", False):
        raise ConfigError("a cross-validation chooses nothing by its folds; write dataset.cross_validate=false.")


def _combinations(space: Space) -> Iterator[tuple[str, ...]]:
    sections = [p for p in space.parameters if "." not in p.path]
    fields = [p for p in space.parameters if "." in p.path]
    for chosen in product(*(p.extremes() for p in sections)):
        words = tuple(p.word(value) for p, value in zip(sections, chosen, strict=True))
        first = tuple(p.word(p.extremes()[0]) for p in fields)
        yield (*words, *first)
        yield from ((*words, *first, p.word(value)) for p in fields for value in p.extremes()[1:])


def _search(node: Node) -> Search:
    if not isinstance(node.value, dict):
        raise ConfigError(
            fault([SEARCH], f"{shown(node.plain())}: write its fields, as in {{method: grid}}.", node.place)
        )
    try:
        return Search.model_validate_json(json.dumps(node.plain()), strict=True)
    except ValidationError as error:
        raise ConfigError("\n".join(faults_of(error, Search, node, (SEARCH,)))) from error


def _parameter(path: str, node: Node) -> Parameter:
    if not PATH.match(path):
        raise ConfigError(fault([path], "is no path of a setting, as trainer.learning_rate is.", node.place))
    written = node.plain()
    if isinstance(written, list):
        if not written or len({json.dumps(value, sort_keys=True) for value in written}) < len(written):
            raise ConfigError(fault([path], f"{shown(written)}: list values, each once.", node.place))
        return Parameter(path, tuple(written))
    kinds = [kind for kind in RANGES if isinstance(written, dict) and kind in written]
    if len(kinds) != 1 or {*written} - {kinds[0], "step"}:
        asked = "write a list of values, {log: [low, high]} or {uniform: [low, high]}, with step: where wanted."
        raise ConfigError(fault([path], f"{shown(written)}: {asked}", node.place))
    return _range(path, kinds[0], written, node.place)


def _range(path: str, kind: str, written: Mapping[str, Any], place: str) -> Parameter:
    ends, step = written[kind], written.get("step")
    numbers = [*ends, *([step] if step is not None else [])] if isinstance(ends, list) else []
    if len(numbers) < 2 or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
        raise ConfigError(fault([path], f"{shown(dict(written))}: a range is two numbers, low and high.", place))
    low, high, log = ends[0], ends[-1], kind == "log"
    if len(ends) != 2 or not low < high or (log and low <= 0) or (step is not None and step <= (1 if log else 0)):
        rule = "0 < low < high, and a step is a factor above 1" if log else "low < high, and a step is above 0"
        raise ConfigError(fault([path], f"{shown(dict(written))}: {rule}.", place))
    whole = all(isinstance(value, int) for value in numbers)
    return Parameter(path, (), low if whole else float(low), high if whole else float(high), log, step)


def _refuse_ranges_of_a_grid(space: Space, root: Node) -> None:
    for parameter in space.parameters:
        if space.search.method == "grid" and not parameter.values and parameter.step is None:
            place = root.value[parameter.path].place
            raise ConfigError(fault([parameter.path], "a grid needs a list of values, or a step.", place))


def _as_written(parameter: Parameter) -> Any:
    if parameter.values:
        return list(parameter.values)
    ends = {"log" if parameter.log else "uniform": [parameter.low, parameter.high]}
    return ends if parameter.step is None else {**ends, "step": parameter.step}
