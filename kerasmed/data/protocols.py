"""The MIT-BIH protocols as data: records, splits, expected counts, warnings and what others published.

Records and classes follow de Chazal et al. (IEEE TBME 51:1196, 2004). Beats were counted from all 48 annotation files
of release 1.0.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kerasmed.data.dataset import Protocol, Published
from kerasmed.data.labels import VARIANT

DS1 = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
DS2 = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip
DS2_STRICT = tuple(record for record in DS2 if record != "202")
PACED = ("102", "104", "107", "217")

# The header of 202 says so.
SAME_SUBJECT = ("201", "202")
SHARED_PATIENT = "/".join(SAME_SUBJECT)


@dataclass(frozen=True)
class RecordSet:
    """Records whose beats have been counted.

    Attributes:
        name: As literature calls it.
        records: Ids.
        counts: Annotated beats of each class, in the order of `labels.CLASSES`.
    """

    name: str
    records: tuple[str, ...]
    counts: tuple[int, ...]


SET_DS1 = RecordSet("DS1", DS1, (45866, 944, 3788, 415, 8))
SET_DS2 = RecordSet("DS2", DS2, (44259, 1837, 3221, 388, 7))
SET_DS2_STRICT = RecordSet("DS2 without 202", DS2_STRICT, (42198, 1782, 3202, 387, 7))
SET_PACED = RecordSet("the paced records", PACED, (506, 0, 227, 0, 8028))


@dataclass(frozen=True)
class MitbihProtocol:
    """One way to compare on MIT-BIH.

    Attributes:
        rules: What every report says of it.
        sets: Disjoint sets of records with their expected counts; together all records of the protocol.
        train: Records to train on, those of validation among them; none where beats are drawn at random.
        test: Records that judge; none where the validation records do or where beats are drawn at random.
        stand_ins: Leads to read instead of MLII, by record.
        notes: What every report must say besides.
    """

    rules: Protocol
    sets: tuple[RecordSet, ...]
    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    stand_ins: Mapping[str, tuple[str, ...]] | None = None
    notes: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[str, ...]:
        """All records, ascending."""
        return tuple(sorted(record for part in self.sets for record in part.records))


README = "table in the README of github.com/mondejar/ecg-classification"
REVIEW = "table in PMC5499251"
PUBLISHED_DS2 = (
    Published("de Chazal et al. 2004", {"accuracy": 0.862, "j_kappa": 0.612}, README),
    Published(
        "Mar et al. 2011",
        {
            "accuracy": 0.899,
            "j_kappa": 0.649,
            "sveb_sensitivity": 0.832,
            "sveb_ppv": 0.335,
            "veb_sensitivity": 0.868,
            "veb_ppv": 0.759,
        },
        f"{README}; {REVIEW}",
    ),
    Published(
        "Ye et al. 2012",
        {"sveb_sensitivity": 0.564, "sveb_ppv": 0.551, "veb_sensitivity": 0.847, "veb_ppv": 0.595},
        REVIEW,
    ),
    Published(
        "Zhang et al. 2014",
        {
            "accuracy": 0.883,
            "j_kappa": 0.663,
            "sveb_sensitivity": 0.791,
            "sveb_ppv": 0.360,
            "veb_sensitivity": 0.855,
            "veb_ppv": 0.927,
        },
        f"{README}; {REVIEW}",
    ),
    Published(
        "the deep model of PMC5499251",
        {"sveb_sensitivity": 0.154, "sveb_ppv": 0.473, "veb_sensitivity": 0.604, "veb_ppv": 0.668},
        REVIEW,
        "single beats without RR intervals",
    ),
    Published("Mondejar-Guerra et al. 2019", {"accuracy": 0.945, "j_kappa": 0.773}, README, "ensemble of SVMs"),
    Published(
        "a public random forest, 2026",
        {
            "accuracy": 0.9093,
            "macro_f1": 0.640,
            "sveb_sensitivity": 0.756,
            "sveb_ppv": 0.385,
            "veb_sensitivity": 0.872,
            "veb_ppv": 0.698,
        },
        "its repository",
        "209 features, 9 of them RR; not reviewed",
    ),
)
PUBLISHED_INTRA = (
    Published(
        "Kachuee et al. 2018",
        {"accuracy": 0.934},
        "arXiv:1805.00794, abstract",
        "mean accuracy on a test part resampled to equal classes",
    ),
)
MACRO_CLASSES = ("N", "S", "V", "F")
SAME_PATIENTS = "same patients in train and test"
SELF_JUDGED = "selection and judgement used the same records"

PROTOCOLS: Mapping[str, MitbihProtocol] = {
    "ds1": MitbihProtocol(
        Protocol(
            name="mitbih_ds1",
            describe="Train on DS1 less the validation records, judge on those; DS2 is never opened.",
            judged_on="validation",
            badges=(SELF_JUDGED,),
            macro_classes=MACRO_CLASSES,
        ),
        sets=(SET_DS1,),
        train=DS1,
    ),
    "ds1_ds2": MitbihProtocol(
        Protocol(
            name="mitbih_ds1_ds2",
            describe="Train on DS1, judge on DS2; DS1 records set aside, if any, choose the epoch.",
            badges=("records 201 (train) and 202 (test) are of the same person",),
            macro_classes=MACRO_CLASSES,
            shared_patients=(SHARED_PATIENT,),
            published=PUBLISHED_DS2,
            ranked_by="j_kappa",
        ),
        sets=(SET_DS1, SET_DS2),
        train=DS1,
        test=DS2,
    ),
    "ds1_ds2_strict": MitbihProtocol(
        Protocol(
            name="mitbih_ds1_ds2_strict",
            describe="Train on DS1, judge on DS2 without 202; DS1 records set aside, if any, choose the epoch.",
            macro_classes=MACRO_CLASSES,
            published=PUBLISHED_DS2,
            ranked_by="j_kappa",
        ),
        sets=(SET_DS1, SET_DS2_STRICT),
        train=DS1,
        test=DS2_STRICT,
        notes=("the published results are on DS2 with record 202",),
    ),
    "intra": MitbihProtocol(
        Protocol(
            name="mitbih_intra",
            describe="Random beats of all 48 records: 80 % train, a tenth of those choose the epoch, 20 % judge.",
            badges=(SAME_PATIENTS,),
            shares_patients=True,
            published=PUBLISHED_INTRA,
        ),
        sets=(SET_DS1, SET_DS2, SET_PACED),
        stand_ins={"102": ("V5",), "104": ("V5",)},
        notes=("records 102 and 104 have no MLII: their V5 stands in for it",),
    ),
}
NOTES = (f"classes: {VARIANT}",)
