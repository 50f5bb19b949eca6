from dataclasses import replace

import numpy as np
import pytest

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.errors import ContractError, DataError, UnknownNameError
from kerasmed.evaluation.comparison import DELONG, MCNEMAR, RESAMPLED, Contender, compare
from kerasmed.evaluation.comparison_page import write_comparison
from kerasmed.evaluation.comparison_words import pair_rows, ranking_rows, to_text
from kerasmed.evaluation.paired import compare_answers, compare_aucs, compare_resampled
from kerasmed.evaluation.scored import load_scores, save_scores
from tests.fakes.scored_runs import PROTOCOL, TWO, judged_pictures, report_of

SETTINGS = Evaluation(bootstrap=200)
WEAK, FAIR, GOOD = (judged_pictures(skill, seed) for seed, skill in enumerate((0.3, 1.5, 4.0)))
MODELS = {"weak": "vgg16", "fair": "resnet50", "good": "custom_cnn"}


def contender(name: str, judged, protocol: Protocol = PROTOCOL) -> Contender:
    return Contender(name, report_of(judged, protocol), judged)


@pytest.fixture(scope="module")
def three():
    return compare([contender("weak", WEAK), contender("good", GOOD), contender("fair", FAIR)], SETTINGS, 0)


def picked(comparison, test: str) -> list:
    return [each for each in comparison.tests if each.test == test]


def test_models_are_ranked_the_best_first(three) -> None:
    assert three.ranked_by == "auc"
    assert three.names == ("good", "fair", "weak")
    assert [row[:3] for row in ranking_rows(three, MODELS)[1:]] == [
        ("1.", "good", "custom_cnn"), ("2.", "fair", "resnet50"), ("3.", "weak", "vgg16"),
    ]  # fmt: skip


def test_a_metric_of_which_less_is_better_ranks_the_other_way_round() -> None:
    comparison = compare([contender("weak", WEAK), contender("good", GOOD)], SETTINGS, 0, "brier")
    brier = [metrics["brier"].value for metrics in comparison.metrics]
    assert brier == sorted(brier)


def test_every_pair_is_tested_by_delong_and_by_mcnemar(three) -> None:
    assert [(each.better, each.worse) for each in picked(three, DELONG)] == [
        ("good", "fair"), ("good", "weak"), ("fair", "weak"),
    ]  # fmt: skip
    found = picked(three, DELONG)[1].difference
    assert found == compare_aucs(WEAK.scores[:, 1], GOOD.scores[:, 1], GOOD.truth[:, 1], GOOD.clusters, 0.95)
    right = [(judged.predicted == judged.targets) for judged in (WEAK, GOOD)]
    assert picked(three, MCNEMAR)[1].difference.p == compare_answers(*right)[0]


def test_the_p_is_corrected_over_the_pairs_of_a_test(three) -> None:
    for test in (DELONG, MCNEMAR, RESAMPLED):
        chances = [each.difference.p for each in picked(three, test)]
        assert min(each.corrected for each in picked(three, test)) == pytest.approx(3 * min(chances))


def test_resamples_are_the_same_patients_for_both_models() -> None:
    """A model that scores like another, but for rounding, differs by nothing in any resample."""
    same = replace(GOOD, scores=GOOD.scores * np.float32(1 - 1e-6))
    comparison = compare([contender("a", GOOD), contender("b", same)], SETTINGS, 0, "macro_f1")
    (found,) = (each for each in picked(comparison, RESAMPLED) if each.metric == "macro_f1")
    assert (found.difference.value, found.difference.p) == (0.0, 1.0)


def test_any_metric_can_rank_and_is_tested_from_resamples() -> None:
    comparison = compare([contender("weak", WEAK), contender("good", GOOD)], SETTINGS, 0, "macro_f1")
    metrics = {each.metric for each in picked(comparison, RESAMPLED)}
    assert metrics == {"macro_f1", "accuracy"}
    assert all(each.difference.low < each.difference.value for each in picked(comparison, RESAMPLED))


def test_the_order_of_rows_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(GOOD))
    columns = {name: getattr(GOOD, name)[order] for name in ("scores", "targets", "groups", "patients", "ids")}
    shuffled = contender("good", replace(GOOD, **columns))
    found, plain = (
        compare([contender("weak", WEAK), good], SETTINGS, 0) for good in (shuffled, contender("good", GOOD))
    )
    assert found.to_json()["tests"] == plain.to_json()["tests"]


def test_several_pictures_of_a_patient_are_told_and_drawn_together() -> None:
    comparison = compare(
        [contender(name, judged_pictures(2, seed, 30, 3)) for seed, name in enumerate("ab")], SETTINGS, 0
    )
    assert "its p tends to be too small" in comparison.notes[0]
    assert "of 30 patients" in comparison.notes[0]


def test_several_labels_are_compared_too(multi_label) -> None:
    other = replace(multi_label, scores=np.sqrt(multi_label.scores)[:, ::-1].copy())
    comparison = compare([contender("a", multi_label), contender("b", other)], SETTINGS, 0)
    assert comparison.ranked_by == "macro_auc"
    assert {each.metric for each in comparison.tests} == {"macro_auc", "exact_match"}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (judged_pictures(1, 0, 58), "other examples: 2 are missing and 0 are new, xray058 first"),
        (replace(WEAK, targets=1 - WEAK.targets), "other labels: 60 differ, xray000 first: PNEUMONIA, not NORMAL"),
        (replace(WEAK, target=replace(TWO, classes=("NORMAL", "COVID"))), "other classes: NORMAL/COVID, not NORMAL"),
    ],
)  # fmt: skip
def test_models_that_were_asked_other_questions_are_refused_by_name(other, said: str) -> None:
    with pytest.raises(ContractError, match=f"b cannot be compared with a: it was judged on {said}"):
        compare([contender("a", GOOD), contender("b", other)], SETTINGS, 0)


def test_another_split_is_refused_by_name() -> None:
    other = contender("b", WEAK, replace(PROTOCOL, judged_on="validation"))
    with pytest.raises(ContractError, match=r"b cannot be compared with a: .*another split: validation, not test"):
        compare([contender("a", GOOD), other], SETTINGS, 0)


def test_a_metric_that_nobody_has_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'macro_f1'"):
        compare([contender("a", GOOD), contender("b", WEAK)], SETTINGS, 0, "macro_f2")


def test_a_page_shows_ranking_pairs_metrics_and_two_pictures(three, tmp_path) -> None:
    drawn = write_comparison(three, MODELS, {"fair": {"model.kind": "custom_cnn -> <b>"}}, tmp_path)
    page = (tmp_path / "comparison.html").read_text()
    assert sorted(path.name for path in drawn.values()) == ["chart.png", "roc.png"]
    assert page.count("data:image/png;base64,") == 2
    for said in ("DeLong, by patient", "exact McNemar", "always PNEUMONIA: 50.0 %", "Sensitivity at 95 % specificity"):
        assert said in page
    assert "custom_cnn -&gt; &lt;b&gt;" in page


def test_a_small_p_is_told_as_such(three) -> None:
    assert any(row[3] == "< 0.001" for row in pair_rows(three))
    assert "60 examples of 60 patients" in to_text(three, MODELS)[-1]


def test_scores_come_back_as_they_were_saved(tmp_path) -> None:
    calibrated = replace(GOOD, thresholds=(0.4, 0.6))
    save_scores(calibrated, tmp_path / "scores.npz")
    found = load_scores(tmp_path / "scores.npz", TWO)
    assert found.thresholds == (0.4, 0.6)
    assert found.fingerprint() == GOOD.fingerprint()
    np.testing.assert_array_equal(found.scores, GOOD.scores)


def test_scores_that_are_missing_or_damaged_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"scores.npz: is missing.*kerasmed evaluate RUN"):
        load_scores(tmp_path / "scores.npz", TWO)
    save_scores(GOOD, tmp_path / "scores.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "scores.npz").read_bytes()[:200])
    with pytest.raises(DataError, match=r"cut.npz: is damaged"):
        load_scores(tmp_path / "cut.npz", TWO)


def test_the_bootstrap_of_a_pair_is_that_of_its_metrics() -> None:
    assert compare_resampled([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 0.95).p == 1.0
