"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kerasmed.config.component import ComponentConfig, Settings
from kerasmed.config.dataset import DATASETS
from kerasmed.config.model import MODELS

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "kerasmed"
MODULES = sorted(PACKAGE.rglob("*.py"))
CODE = [*MODULES, *sorted((CHECKOUT / "tests").rglob("*.py")), *sorted((CHECKOUT / "benchmarks").rglob("*.py"))]
BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|misc|base|managers?|handlers?|processors?|wrappers?)(_|$)")
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 40


def name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


@pytest.mark.parametrize("path", CODE, ids=name)
def test_files_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    if path in MODULES:
        assert ast.get_docstring(ast.parse(text)), "a module opens with what it is for"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    long = {node.name: _lines_of_code(node) for node in functions}
    assert {found: lines for found, lines in long.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def _lines_of_code(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_names_say_what_a_thing_is(path: Path) -> None:
    classes = [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    assert not BANNED_NAMES.search(path.stem)
    assert not [found for found in classes if re.search(r"(Manager|Handler|Processor|Wrapper|Helper|Utils?)$", found)]


def test_only_two_modules_read_the_environment() -> None:
    readers = {name(path) for path in MODULES if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert readers <= {"kerasmed/runtime.py", "kerasmed/serving/settings.py"}


def test_nothing_unpickles_and_yaml_is_loaded_safely() -> None:
    forbidden = re.compile(r"allow_pickle=True|pickle\.load|yaml\.load\(|torch\.load\((?!.*weights_only=True)|\beval\(")
    assert {name(path) for path in MODULES if forbidden.search(path.read_text())} == set()


def test_the_layers_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "config.load",
        "data.prepared",
        "data.loaders",
        "evaluation.report",
        "workflows.train",
        "tuning.search",
        "benchmark.measure",
        "cli",
    ],
)
def test_no_backend_is_loaded_before_it_is_chosen(module: str) -> None:
    program = f"import sys, kerasmed.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"keras", "jax", "torch", "tensorflow"}.isdisjoint(done.stdout.split())


def every_settings_class() -> list[type[Settings]]:
    import kerasmed.config.run  # noqa: F401  defines the rest of them

    found, waiting = [], [Settings]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting += subclasses
        found += [cls for cls in subclasses if cls is not ComponentConfig and cls.__module__.startswith("kerasmed.")]
    return found


@pytest.mark.parametrize("cls", every_settings_class(), ids=lambda cls: cls.__name__)
def test_every_group_of_settings_is_documented_and_frozen(cls: type[Settings]) -> None:
    assert cls.__doc__
    assert cls.model_config["frozen"] is True
    assert cls.model_config["extra"] == "forbid"


@pytest.mark.parametrize("cls", [*DATASETS.values(), *MODELS.values()], ids=lambda cls: cls.__name__)
def test_a_builder_string_names_a_function_that_exists(cls: type[ComponentConfig]) -> None:
    module, _, function = cls.builder.partition(":")
    source = CHECKOUT / (module.replace(".", "/") + ".py")
    defined = [node.name for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)]
    assert function in defined


@pytest.mark.parametrize("table", [DATASETS, MODELS], ids=["datasets", "models"])
def test_a_kind_in_a_table_is_the_kind_of_its_class(table: dict[str, type[ComponentConfig]]) -> None:
    assert {kind: cls.model_fields["kind"].default for kind, cls in table.items()} == {kind: kind for kind in table}
