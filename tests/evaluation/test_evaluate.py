import json
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.errors import ContractError
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.judged import worst_rows

QUICK = Evaluation(bootstrap=50)


def tree(judged, protocol, settings=QUICK, seed=0) -> dict:
    """The report as it is in report.json."""
    return json.loads(json.dumps(evaluate(judged, protocol, settings, seed).to_json(), allow_nan=False))


def test_a_report_has_every_part(simulated, protocol) -> None:
    report = tree(simulated, protocol)
    assert {"metrics", "per_class", "confusion", "protocol", "split", "published", "badges", "notes"} <= set(report)
    assert {"accuracy", "macro_f1", "j_kappa", "macro_auc", "ece", "kappa", "brier"} <= set(report["metrics"])
    assert set(report["per_class"]) == set("NSVFQ")
    assert report["badges"] == ["records 201 and 202 are of one person"]
    assert report["published"][0]["metrics"]["j_kappa"] == 0.649


def test_every_metric_lies_in_its_interval(simulated, protocol) -> None:
    for metric in tree(simulated, protocol)["metrics"].values():
        assert metric["low"] < metric["value"] < metric["high"]


def test_metrics_of_a_class_are_those_worked_out_by_hand(confusion, judged_from, protocol) -> None:
    report = tree(judged_from(confusion), protocol)
    values = {name: report["per_class"]["V"][name]["value"] for name in ("sensitivity", "ppv", "f1", "fpr")}
    assert values == pytest.approx({"sensitivity": 7 / 10, "ppv": 7 / 17, "f1": 14 / 27, "fpr": 10 / 110})
    assert report["per_class"]["V"]["support"] == 10
    assert report["confusion"] == {"classes": list("NSVFQ"), "counts": confusion.tolist()}


def test_metrics_of_classes_agree_with_scikit_learn(simulated, protocol) -> None:
    rows = tree(simulated, protocol)["per_class"]
    truth, predicted = simulated.targets, simulated.scores.argmax(1)
    ppv, sensitivity, f1, support = metrics.precision_recall_fscore_support(truth, predicted)
    for place, row in enumerate(rows.values()):
        values = [row[name]["value"] for name in ("ppv", "sensitivity", "f1")]
        assert values == pytest.approx([ppv[place], sensitivity[place], f1[place]])
        assert row["support"] == support[place]
        assert row["auc"]["value"] == pytest.approx(metrics.roc_auc_score(truth == place, simulated.scores[:, place]))


def test_a_seed_decides_the_intervals(simulated, protocol) -> None:
    first, again, other = (tree(simulated, protocol, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["metrics"]["accuracy"]["low"] != other["metrics"]["accuracy"]["low"]


def test_intervals_are_those_of_a_resampling_spelt_out(simulated, protocol) -> None:
    """Records drawn and concatenated one by one, as slowly and plainly as it can be said."""
    rng = np.random.default_rng(7)
    rows = [np.flatnonzero(simulated.groups == name) for name in np.unique(simulated.groups)]
    accuracy, auc = [], []
    for _ in range(20):
        drawn = np.concatenate([rows[place] for place in rng.integers(len(rows), size=len(rows))])
        truth, scores = simulated.targets[drawn], simulated.scores[drawn]
        accuracy.append((scores.argmax(1) == truth).mean())
        auc.append(metrics.roc_auc_score(truth == 2, scores[:, 2]))
    report = tree(simulated, protocol, Evaluation(bootstrap=20), seed=7)
    for metric, values in ((report["metrics"]["accuracy"], accuracy), (report["per_class"]["V"]["auc"], auc)):
        assert (metric["low"], metric["high"]) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_records_of_one_patient_are_drawn_together(multi_label, protocol) -> None:
    of_one = replace(multi_label, patients=np.full(400, "only"))
    report = tree(of_one, protocol)
    assert report["judged"] | {"digest": ""} == {"examples": 400, "records": 400, "patients": 1, "digest": ""}
    assert report["metrics"]["macro_auc"]["low"] is None
    assert any("one patient" in note for note in report["notes"])


def test_a_record_whose_patient_nobody_knows_stands_for_itself(multi_label, protocol) -> None:
    unknown = replace(multi_label, patients=np.full(400, ""))
    assert tree(unknown, protocol)["judged"]["patients"] == 400


def test_an_undefined_value_is_null_and_says_why(confusion, judged_from, protocol) -> None:
    confusion[3], confusion[:, 4] = 0, 0
    report = tree(judged_from(confusion), protocol)
    assert report["per_class"]["F"]["f1"] == {
        "value": None,
        "low": None,
        "high": None,
        "reason": "no example of the class",
    }
    assert report["per_class"]["Q"]["ppv"]["reason"] == "never predicted"
    assert any(note.startswith("No example of F was judged") for note in report["notes"])


def test_a_class_in_one_patient_has_a_sensitivity_without_an_interval(confusion, judged_from, protocol) -> None:
    judged = judged_from(confusion)
    report = tree(replace(judged, patients=np.where(judged.targets == 1, "only", judged.patients)), protocol)
    assert report["per_class"]["S"]["sensitivity"] == {"value": 0.6, "low": None, "high": None}
    assert any("A class lies in so few patients" in note for note in report["notes"])


def test_few_patients_are_noted(confusion, judged_from, protocol) -> None:
    notes = tree(judged_from(confusion, num_records=4), protocol)["notes"]
    assert any("only 4 patients" in note for note in notes)


def test_judging_the_records_that_chose_the_epoch_is_noted(simulated) -> None:
    report = tree(simulated, Protocol("mitbih_ds1", "DS1.", judged_on="validation"))
    assert any("same records" in note for note in report["notes"])


def test_intervals_can_be_turned_off(simulated, protocol) -> None:
    report = tree(simulated, protocol, Evaluation(bootstrap=0))
    assert report["metrics"]["macro_f1"]["value"] is not None
    assert report["metrics"]["macro_f1"]["high"] is None


def test_several_labels_are_judged_too(multi_label) -> None:
    report = tree(multi_label, Protocol("ptbxl_super", "PTB-XL."))
    predicted = multi_label.scores >= 0.5
    assert report["confusion"]["counts"] == metrics.multilabel_confusion_matrix(multi_label.targets, predicted).tolist()
    assert report["metrics"]["macro_auc"]["low"] < report["metrics"]["macro_auc"]["high"]
    assert any("reaches 0.5" in note for note in report["notes"])


def test_records_are_told_apart(simulated, protocol) -> None:
    row = tree(simulated, protocol)["records"][3]
    of_it = simulated.groups == "rec03"
    assert (row["record"], row["examples"], sum(row["support"].values())) == ("rec03", of_it.sum(), of_it.sum())
    assert row["accuracy"] == pytest.approx((simulated.predicted == simulated.targets)[of_it].mean())


def test_the_worst_answers_come_first(simulated, protocol) -> None:
    rows = worst_rows(simulated, 5)
    chance = simulated.scores[np.arange(3000), simulated.targets]
    assert chance[rows].tolist() == sorted(chance[simulated.predicted != simulated.targets])[:5]
    assert [row["id"] for row in tree(simulated, protocol)["worst"]][:5] == simulated.ids[rows].tolist()


def test_a_perfect_model_has_no_worst_answer(judged_from, protocol) -> None:
    report = tree(judged_from(np.diag([20, 5, 5, 5, 5])), protocol)
    assert report["worst"] == []
    assert report["metrics"]["accuracy"]["value"] == 1


def test_the_digest_knows_examples_and_truth_but_not_their_order(simulated) -> None:
    order = np.random.default_rng(0).permutation(3000)
    fields = ("scores", "targets", "groups", "patients", "ids")
    shuffled = replace(simulated, **{name: getattr(simulated, name)[order] for name in fields})
    other_truth = replace(simulated, targets=np.zeros_like(simulated.targets))
    assert shuffled.fingerprint() == simulated.fingerprint() != other_truth.fingerprint()


def test_scores_that_are_not_finite_are_refused_by_name(simulated, protocol) -> None:
    scores = simulated.scores.copy()
    scores[7, 0] = np.inf
    with pytest.raises(ContractError, match="1 of 3000 examples got a score that is not finite, beat0007 first"):
        evaluate(replace(simulated, scores=scores), protocol, QUICK, 0)


def test_an_empty_split_is_refused(simulated, protocol) -> None:
    fields = ("scores", "targets", "groups", "patients", "ids")
    empty = replace(simulated, **{name: getattr(simulated, name)[:0] for name in fields})
    with pytest.raises(ContractError, match="no example"):
        evaluate(empty, protocol, QUICK, 0)


def test_500_resamples_of_12000_beats_take_less_than_10_s(simulated, protocol) -> None:
    fields = ("scores", "targets", "groups", "patients", "ids")
    four_times = replace(simulated, **{name: np.concatenate([getattr(simulated, name)] * 4) for name in fields})
    began = time.process_time()
    evaluate(four_times, protocol, Evaluation(bootstrap=500), 0)
    assert time.process_time() - began < 10


def test_resamples_of_several_labels_are_drawn_again_until_each_label_has_both_sides(multi_label) -> None:
    targets = multi_label.targets.copy()
    targets[:, 2] = np.arange(400) < 8  # of two people
    rare = replace(multi_label, targets=targets)
    report = tree(rare, Protocol("ptbxl_super", "PTB-XL."))
    free = tree(rare, Protocol("ptbxl_super", "PTB-XL."), Evaluation(bootstrap=50, redraw="never"))
    assert report["intervals"]["redrawn"] > 0
    assert any(f"{report['intervals']['redrawn']:,} draws more" in note for note in report["notes"])
    assert "redrawn" not in free["intervals"]
    assert any("resamples lack it" in note for note in free["notes"])


def test_resamples_of_one_label_are_taken_as_they_come(simulated, protocol) -> None:
    assert "redrawn" not in tree(simulated, protocol)["intervals"]
