"""The records of the China Physiological Signal Challenge 2018 as it gave them out: a MATLAB struct without a header.

`ECG` has the fields sex, age and data, twelve leads in millivolts at 500 Hz; neither unit, rate nor leads are in the
file, they are from the challenge's description (Liu et al., J. Med. Imaging Health Inform. 8:1368, 2018).
"""

from pathlib import Path

import numpy as np

from kerasmed.data.readers.mat5 import read_struct
from kerasmed.data.records import SignalRecord
from kerasmed.errors import DataError

RATE_HZ = 500.0
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
MAX_DURATION_S = 600.0  # the longest of the 6,877 takes 144 s


def read_cpsc_mat(path: Path) -> SignalRecord:
    """The record in a `.mat` file of the challenge; its patient is the record's own id.

    Raises:
        DataError: It is no such file, or holds values that are no twelve leads of up to ten minutes.
    """
    data = read_struct(path, "ECG").get("data")
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fiu" or data.ndim != 2:
        raise DataError(path.name, "ECG.data is no table of numbers.")
    most = int(MAX_DURATION_S * RATE_HZ)
    if data.shape[0] != len(LEADS) or not 0 < data.shape[1] <= most:
        raise DataError(
            path.name, f"ECG.data has shape {data.shape}; {len(LEADS)} leads of 1 to {most} samples are read."
        )
    if np.isinf(data).any():
        raise DataError(path.name, "ECG.data holds infinite values.")
    signal_mv = np.ascontiguousarray(data.T, dtype=np.float32)
    return SignalRecord(path.stem, path.stem, signal_mv, RATE_HZ, LEADS)
