"""What a dataset config builds: records, how examples are made of them, and how they are split."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kerasmed.data.records import Array, Examples, RecordRef
from kerasmed.spec import ExampleSpec

Index = Mapping[str, Array]


@dataclass(frozen=True)
class Splits:
    """Rows of the index for each purpose.

    Attributes:
        train: int64, rows to fit on.
        validation: int64, rows that choose the epoch.
        test: int64, rows that judge; the rows of `validation` where a protocol has no others.
    """

    train: Array
    validation: Array
    test: Array


@dataclass(frozen=True)
class Published:
    """A result that others printed for the same work.

    Attributes:
        work: Who.
        metrics: Plain name to value.
        source: Where it was read.
        note: What a reader of the number must know.
        deviations: Plain name to the distance to the farther end of the interval, where one was printed: 0.005 of
            0.930(05).
    """

    work: str
    metrics: Mapping[str, float]
    source: str
    note: str = ""
    deviations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """The rules of a comparison, stated in every report.

    Attributes:
        name: Short name ("mitbih_ds1_ds2").
        describe: One sentence.
        judged_on: Which split the report's numbers come from.
        badges: Warnings that every report carries ("same patients in train and test").
        macro_classes: Classes over which macro averages run; all where empty.
        shares_patients: The protocol itself puts patients into several splits at random.
        shared_patients: The few patients that it knowingly puts into several splits; any other one there is refused.
        published: Results of others by the same rules.
        near_bits: Pictures whose hashes differ in at most so many bits are one; None where examples are no pictures.
        challenge: Whose score every report has besides; "" for nobody's.
        ranked_by: Metric that orders the leaderboard; without it the one that most of `published` tell.
    """

    name: str
    describe: str
    judged_on: Literal["test", "validation"] = "test"
    badges: tuple[str, ...] = ()
    macro_classes: tuple[str, ...] = ()
    shares_patients: bool = False
    shared_patients: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    near_bits: int | None = None
    challenge: Literal["", "cpsc2018"] = ""
    ranked_by: str = ""


@dataclass(frozen=True)
class Dataset:
    """Records on their way to examples.

    Attributes:
        name: Name of the database.
        spec: What an example of it is.
        records: In a fixed order.
        make_examples: Reads one record and cuts its examples; raises `DataError`.
        split: Rows of an index for each purpose, from the index and a seed.
        protocol: The rules of the comparison.
        recipe: Everything besides the files that decides the content of the prepared set (JSON values).
        check: Raises `DataError` where the prepared examples contradict what is known of the database.
        notes: What every report must say ("records 100 and 103 are missing").
        subgroups: Columns of the index by whose groups a report is divided; the edges of its bands of one that holds
            numbers, such as {"age": (40, 60, 80)}, none of one that holds words, such as {"sex": ()}.
    """

    name: str
    spec: ExampleSpec
    records: tuple[RecordRef, ...]
    make_examples: Callable[[RecordRef], Examples]
    split: Callable[[Index, int], Splits]
    protocol: Protocol
    recipe: Mapping[str, Any]
    check: Callable[[Index, Mapping[str, int]], None] | None = None
    notes: tuple[str, ...] = field(default=())
    subgroups: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
