import json

import pytest

from kerasmed.config.run import Evaluation
from kerasmed.errors import DataError
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.report import Report, read_report
from kerasmed.files import write_json


@pytest.mark.parametrize("kind", ["simulated", "multi_label"])
def test_a_report_read_from_json_equals_the_one_written(kind, protocol, tmp_path, request) -> None:
    report = evaluate(request.getfixturevalue(kind), protocol, Evaluation(bootstrap=9), 0, split={"train": 22})
    write_json(tmp_path / "report.json", report.to_json())
    assert read_report(tmp_path / "report.json") == report


def test_the_workflow_says_how_examples_were_divided(simulated, protocol) -> None:
    report = evaluate(simulated, protocol, Evaluation(bootstrap=0), 0, ("record 7 is missing",), {"train": ["101"]})
    assert report.to_json()["split"] == {"train": ["101"]}
    assert report.notes[0] == "record 7 is missing"


@pytest.mark.parametrize("content", ["", "[]", '{"metrics": {}}', '{"task": "single_label", "confusion": []}'])
def test_a_file_that_is_no_report_is_refused_by_name(content, tmp_path) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(DataError, match=r"report\.json: is not a report of this version"):
        read_report(tmp_path / "report.json")


def test_a_missing_report_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"report\.json: cannot be read: No such file"):
        read_report(tmp_path / "report.json")


def test_a_report_speaks_json(simulated, protocol) -> None:
    report = evaluate(simulated, protocol, Evaluation(bootstrap=0), 0)
    assert Report.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report
