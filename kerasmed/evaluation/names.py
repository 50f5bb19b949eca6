"""What each metric is called, what it says, and when it says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
    """A metric as a reader meets it.

    Attributes:
        label: Name in tables.
        describe: What it says, in a sentence without jargon.
        undefined: Why it can have no value.
        better: Which way is better.
        percent: Shown in per cent.
    """

    label: str
    describe: str
    undefined: str = "no example"
    better: Literal["higher", "lower"] = "higher"
    percent: bool = False


ABSENT = "no example of the class"
ONE_SIDED = "needs examples inside and outside the class"
CPSC_ABSENT = "a class neither occurs nor is answered"
NONE_OCCURS = "none of the classes averaged over has a value"

METRICS = {
    "accuracy": Metric("Accuracy", "Share of examples given their own class.", percent=True),
    "exact_match": Metric("Exact match", "Share of examples whose every label is right.", percent=True),
    "balanced_accuracy": Metric(
        "Balanced accuracy", "Mean sensitivity of the classes, each counting the same.", NONE_OCCURS, percent=True
    ),
    "macro_f1": Metric("Macro F1", "Mean F1 of the classes, each counting the same.", NONE_OCCURS),
    "macro_auc": Metric(
        "Macro AUC",
        "Mean area under the ROC curve, each class against the rest.",
        "no class has examples on both sides",
    ),
    "macro_ap": Metric("Macro AP", "Mean average precision, each class against the rest.", NONE_OCCURS),
    "macro_f_max": Metric("Macro F-max", "Mean of the classes' best F1 over all thresholds.", NONE_OCCURS),
    "auc": Metric("AUC", "Chance that a positive example scores above a negative one.", ONE_SIDED),
    "ap": Metric("Average precision", "Mean predictive value over all thresholds.", ABSENT),
    "kappa": Metric(
        "Cohen's kappa", "Agreement beyond chance; 1 is complete, 0 is chance.", "truth and answers are all one class"
    ),
    "j_index": Metric(
        "j index",
        "Sensitivity and predictive value of S and of V, added up; at most 4 (Mar et al. 2011).",
        "no example of S or of V",
    ),
    "j_kappa": Metric(
        "j-kappa",
        "Half of kappa plus an eighth of the j index; at most 1.",
        "no example of S or of V",
    ),
    "veb_sensitivity": Metric("VEB sensitivity", "Ventricular ectopic beats found.", "no example of V", percent=True),
    "veb_ppv": Metric(
        "VEB predictive value", "Beats called V that are V; true F and Q not counted.", "nothing called V", percent=True
    ),
    "veb_fpr": Metric(
        "VEB false positive rate",
        "Other beats called V; true F and Q not counted.",
        better="lower",
        percent=True,
    ),
    "sveb_sensitivity": Metric(
        "SVEB sensitivity", "Supraventricular ectopic beats found.", "no example of S", percent=True
    ),
    "sveb_ppv": Metric(
        "SVEB predictive value", "Beats called S that are S; true Q not counted.", "nothing called S", percent=True
    ),
    "sveb_fpr": Metric(
        "SVEB false positive rate", "Other beats called S; true Q not counted.", better="lower", percent=True
    ),
    "cpsc_f1": Metric(
        "CPSC2018 score", "Mean F1 of the nine classes, one answer for each record, right if any label.", CPSC_ABSENT
    ),
    "cpsc_f_af": Metric("CPSC2018 F_AF", "F1 of atrial fibrillation.", CPSC_ABSENT),
    "cpsc_f_block": Metric("CPSC2018 F_Block", "F1 of I-AVB, LBBB and RBBB, counted together.", CPSC_ABSENT),
    "cpsc_f_pc": Metric("CPSC2018 F_PC", "F1 of PAC and PVC, counted together.", CPSC_ABSENT),
    "cpsc_f_st": Metric("CPSC2018 F_ST", "F1 of STD and STE, counted together.", CPSC_ABSENT),
    "ece": Metric("Calibration error", "Mean gap between claimed and real hit rate (ECE, 15 bins).", better="lower"),
    "brier": Metric("Brier score", "Mean squared distance of the scores from the truth.", better="lower"),
}

# Metrics that stand beside the share that always the same answer would get.
SHARES_RIGHT = ("accuracy", "exact_match")

CLASS_METRICS = {
    "sensitivity": Metric("Sensitivity", "Examples of the class that were found.", ABSENT, percent=True),
    "ppv": Metric(
        "Predictive value",
        "Examples called the class that are of it (+P).",
        "never predicted",
        percent=True,
    ),
    "f1": Metric("F1", "Harmonic mean of the two.", ABSENT),
    "fpr": Metric(
        "False positive rate",
        "Other examples called the class.",
        "no example outside the class",
        better="lower",
        percent=True,
    ),
    "auc": Metric("AUC", "Chance that an example of the class scores above another.", ONE_SIDED),
    "ap": Metric("AP", "Mean predictive value over all thresholds.", ABSENT),
    "f_max": Metric("F-max", "Highest F1 that any threshold gives on these very examples.", ABSENT),
}


def label(name: str) -> str:
    """Name of a metric in tables; `name` itself for one that is not ours (a published one)."""
    return METRICS[name].label if name in METRICS else name


def in_words(name: str, value: float | None, known: Mapping[str, Metric] = METRICS) -> str:
    """A value as text: per cent with one decimal, or three decimals; a hyphen where there is none."""
    if value is None:
        return "-"
    if name in known and known[name].percent:
        return f"{100 * value:.1f} %"
    return f"{value:.3f}"


def baseline_in_words(name: str, baseline: Mapping[str, Any]) -> str:
    """What always the same answer would be worth, beside a metric that it speaks of: "always N: 89.4 %"; else ""."""
    if name not in SHARES_RIGHT or not baseline:
        return ""
    return f"always {baseline['answer']}: {in_words(name, baseline['accuracy'])}"
