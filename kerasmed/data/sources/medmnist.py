"""MedMNIST v2 files of grey 2-D pictures."""

from functools import partial
from pathlib import Path

from kerasmed.config.dataset import MedMnist
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.image_examples import examples_of, image_spec
from kerasmed.data.image_hash import NEAR_BITS
from kerasmed.data.protocols import SELF_JUDGED
from kerasmed.data.records import Examples, ImageRecord, RecordRef
from kerasmed.data.sources.image_folder import NO_PATIENTS
from kerasmed.data.sources.medmnist_file import open_file, read_part, split_as_stored


def build_medmnist(config: MedMnist, data_root: Path) -> Dataset:
    """The arrays of one file; where it has none for test, validation judges.

    Raises:
        DataError: The file is missing or damaged, or holds other arrays.
    """
    path = data_root / config.folder / config.file
    file = open_file(path, len(config.classes), "picture", ("height", "width"))
    return Dataset(
        name=path.stem,
        spec=image_spec(config.examples, config.classes),
        records=file.records,
        make_examples=partial(make_examples, config=config),
        split=split_as_stored,
        protocol=Protocol(
            "medmnist", f"The arrays of MedMNIST as they are; judged on {file.judged_on}.", file.judged_on,
            (NO_PATIENTS,) if file.judged_on == "test" else (NO_PATIENTS, SELF_JUDGED), shares_patients=True,
            near_bits=NEAR_BITS,
        ),
        recipe={"source": "medmnist", "classes": list(config.classes)},
        notes=file.notes,
    )  # fmt: skip


def make_examples(ref: RecordRef, config: MedMnist) -> Examples:
    """The examples of one part; ids are "train:0", "train:1", ..., each a patient of its own.

    Raises:
        DataError: The arrays are damaged or hold a label that is no class.
    """
    images, labels = read_part(ref, len(config.classes))
    size = (images.shape[2], images.shape[1])
    records = [ImageRecord(f"{ref.record_id}:{row}", image, 8, "L", 8, size) for row, image in enumerate(images)]
    examples = examples_of(records, config.examples, 0, {"record": ref.record_id, "part": ref.record_id})
    examples.index["patient"] = examples.index["id"]
    examples.arrays["label"] = labels
    return examples
