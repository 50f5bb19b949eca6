"""Ventricular and supraventricular ectopic beats as ANSI/AAMI EC57 counts them.

A true F (fusion) or Q (unclassifiable) beat called V is neither a hit nor a false alarm; nor is a true Q beat called S.
A true V or S beat under any other name is missed, F and Q included. The same sums are in PhysioNet's `bxb` (WFDB
Software Package, app/bxb.c): VFN = Vn + Vs + Vf + Vq, VFP = Nv + Sv, SFP = Ns + Vs + Fs. Beats are given here by their
annotations, so missed and extra detections do not occur.
"""

import numpy as np

from kerasmed.data.records import Array

# class counted: (name in our metrics, true classes that may be called so without a false alarm)
COUNTED = {"V": ("veb", ("F", "Q")), "S": ("sveb", ("Q",))}


def applies(classes: tuple[str, ...]) -> bool:
    """Whether the classes are those of beats."""
    return {"N", "S", "V"} <= set(classes)


def measure_ectopic(confusion: Array, classes: tuple[str, ...]) -> dict[str, float]:
    """Sensitivity, ppv and fpr of veb_ and sveb_; NaN where there is nothing to divide by.

    Args:
        confusion: (num_classes, num_classes) counts [truth, answer].
        classes: Names along both axes; "N", "S" and "V" are among them.
    """
    return {
        f"{name}_{metric}": value
        for letter, (name, forgiven) in COUNTED.items()
        for metric, value in _rates(confusion, classes, letter, forgiven).items()
    }


def _rates(confusion: Array, classes: tuple[str, ...], letter: str, forgiven: tuple[str, ...]) -> dict[str, float]:
    own = classes.index(letter)
    others = [place for place in range(len(classes)) if place != own]
    blamed = [place for place in others if classes[place] not in forgiven]
    hits, alarms = confusion[own, own], confusion[blamed, own].sum()
    quiet = confusion[others].sum() - confusion[others, own].sum()
    return {
        "sensitivity": _share(hits, confusion[own].sum()),
        "ppv": _share(hits, hits + alarms),
        "fpr": _share(alarms, alarms + quiet),
    }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else np.nan
