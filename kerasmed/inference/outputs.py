"""Files of a prediction: a table of beats (CSV) and a WFDB annotation file."""

import csv
import io
from pathlib import Path

import numpy as np

from kerasmed import files
from kerasmed.errors import ContractError
from kerasmed.inference.beats import BeatPrediction

# AAMI classes are annotation codes of WFDB too (annot(5), wfdb/ecgcodes.h): S is "supraventricular premature".
CODES = {"N": 1, "V": 5, "F": 6, "S": 9, "Q": 13}
SKIP = 59 << 10  # the next two words hold an interval that is too long for ten bits
LONGEST_INTERVAL = 1023
ANNOTATOR = "pred"


def write_csv(prediction: BeatPrediction, path: Path) -> None:
    """One line for each beat: time_s, sample, beat, label, then the score of every class.

    Of a calibrated model a last column holds the prediction set, as in "N+S"; it can be empty. Beats without a record
    around them have no time and no sample.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sets = prediction.set_names
    head = ["time_s", "sample", "beat", "label", *(f"score_{name}" for name in prediction.classes)]
    writer.writerow(head if sets is None else [*head, "set"])
    times, samples = prediction.times_s, prediction.samples
    for row, label in enumerate(prediction.labels):
        when = ["", ""] if times is None or samples is None else [f"{times[row]:.4f}", int(samples[row])]
        scores = [f"{score:.5f}" for score in prediction.scores[row]]
        cells = [*when, int(prediction.numbers[row]), prediction.classes[label], *scores]
        writer.writerow(cells if sets is None else [*cells, "+".join(sets[row])])
    files.write_text(path, text.getvalue())


def write_annotations(prediction: BeatPrediction, folder: Path, annotator: str = ANNOTATOR) -> Path:
    """Write `<name>.<annotator>` in MIT format, which viewers of WFDB show over the record; its path.

    Raises:
        ContractError: The beats have no record around them, or the classes are no annotation codes.
    """
    if prediction.samples is None:
        raise ContractError(f"{prediction.name}: beats of a .npy file have no times, so they cannot be annotations.")
    if not set(prediction.classes) <= set(CODES):
        raise ContractError(
            f"classes {', '.join(prediction.classes)} are no annotation codes of WFDB; use the CSV file."
        )
    codes = [CODES[prediction.classes[label]] for label in prediction.labels]
    intervals = np.diff(prediction.samples, prepend=0).tolist()
    words = [word for code, interval in zip(codes, intervals, strict=True) for word in _words(code, interval)]
    path = folder / f"{prediction.name}.{annotator}"
    files.write_bytes(path, np.array([*words, 0], "<u2").tobytes())
    return path


def _words(code: int, interval: int) -> list[int]:
    if interval <= LONGEST_INTERVAL:
        return [code << 10 | interval]
    return [SKIP, interval >> 16, interval & 0xFFFF, code << 10]
