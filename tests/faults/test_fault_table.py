"""docs/faults.md names a test for every fault, and each of these tests is there."""

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([FS]\d+(?: \d+(?:-\d+)?)?) \|.*\|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROWS = {fault: TEST.findall(tests) for fault, tests in ROW.findall((CHECKOUT / "docs" / "faults.md").read_text())}
# 19 to 27 are faults of the server and of trackers' databases.
FAULTS = [f"F{number}" for number in (*range(1, 19), 28, 29, 30, 31, 35)] + ["S3 6-7", "S3 10", "S3 12", "S4"]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_tests_that_exist(fault: str) -> None:
    assert ROWS[fault]
    for path, test in ROWS[fault]:
        tree = ast.parse((CHECKOUT / path).read_text())
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, path
