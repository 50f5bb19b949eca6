"""True folders of the twelve-lead and long-term databases, small, with waves that a contract takes for an ECG."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasmed.config.dataset import Cpsc2018, Icentia11kBeats, Icentia11kRhythm, MimicIvEcg, WfdbFolder, WfdbHeaders
from kerasmed.data.sources.mimic_iv_ecg import TEST, VALIDATION, fold_of
from tests.fakes.mat_files import write_cpsc_mat
from tests.fakes.wfdb_files import write_adc, write_annotations, write_record

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
# As the files of MIMIC-IV-ECG have them: aVF before aVL.
MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
CPSC_CLASSES = ("Normal", "AF", "I-AVB", "LBBB", "RBBB", "PAC", "PVC", "STD", "STE")


def twelve_leads_mv(duration_s: float, rate_hz: float, seed: int, leads: Sequence[str] = LEADS) -> np.ndarray:
    """float64 (num_samples, 12): waves of 20 ms each 0.8 s, and noise of 10 uV; the limb leads obey Einthoven."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    beats = np.exp(-(((times[:, None] - np.arange(0.4, duration_s, 0.8)) / 0.02) ** 2)).sum(axis=1)
    noise = rng.normal(0, 0.01, (len(times), 8))
    first, second = 0.6 * beats + noise[:, 0], 1.0 * beats + noise[:, 1]
    named = {
        "I": first, "II": second, "III": second - first, "aVR": -(first + second) / 2, "aVL": first - second / 2,
        "aVF": second - first / 2,
    }  # fmt: skip
    named |= {f"V{number}": (0.3 + 0.2 * number) * beats + noise[:, number + 1] for number in range(1, 7)}
    return np.stack([named[lead] for lead in leads], axis=1)


def write_wfdb_folder(
    folder: Path, rows: Sequence[tuple[str, str, str]], heading: str = "record,patient,label"
) -> Path:
    """Records of ten seconds at 250 Hz and the table that names them; returns its path."""
    for number, (record, _, _) in enumerate(rows):
        place = folder / record
        write_record(place.parent, place.name, twelve_leads_mv(10, 250, number), 250, LEADS, adc_gain=1000)
    table = folder / "labels.csv"
    table.write_text("\n".join([heading, *(",".join(row) for row in rows), ""]))
    return table


def write_headed_folder(
    folder: Path, rows: Sequence[tuple[str, str | None, str | None]], label_line: str = "Dx", rate_hz: int = 250
) -> None:
    """Records of ten seconds whose header comments say patient and labels; nothing of what is None."""
    for number, (record, patient, label) in enumerate(rows):
        told = {"Age": "57", "Patient ID": patient, label_line: label}
        comments = [f"{line}: {value}" for line, value in told.items() if value is not None]
        place = folder / record
        signal_mv = twelve_leads_mv(10, rate_hz, number)
        write_record(place.parent, place.name, signal_mv, rate_hz, LEADS, adc_gain=1000, comments=comments)


def write_cpsc_folder(
    folder: Path, num_records: int, form: str = "wfdb", duration_s: float = 12.0, reference: bool = True
) -> dict[str, tuple[int, ...]]:
    """Records A0001 ... in either form; their labels, numbered from 1, of which every third record has two."""
    labels = {
        f"A{number:04d}": (number % 9 + 1, (number + 4) % 9 + 1) if number % 3 == 0 else (number % 9 + 1,)
        for number in range(1, num_records + 1)
    }
    for number, (name, places) in enumerate(labels.items()):
        signal_mv = twelve_leads_mv(duration_s, 500, number)
        if form == "wfdb":
            said = ",".join(CPSC_CLASSES[place - 1] for place in sorted(places))
            write_record(folder, name, signal_mv, 500, LEADS, adc_gain=1000, byte_offset=24, comments=[f"Dx: {said}"])
        else:
            write_cpsc_mat(folder / f"{name}.mat", np.round(signal_mv, 3))
    if reference:
        write_reference(folder, labels)
    return labels


def write_reference(folder: Path, labels: dict[str, tuple[int, ...]]) -> None:
    """REFERENCE.csv of the challenge."""
    rows = [",".join([name, *(str(place) for place in (*places, "", "")[:3])]) for name, places in labels.items()]
    text = "\r\n".join(["Recording,First_label,Second_label,Third_label", *rows, ""])
    (folder / "REFERENCE.csv").write_text(text, newline="")


def write_segment(
    folder: Path,
    patient: int,
    segment: int,
    symbols: str,
    rhythm: Sequence[tuple[float, str]] = (),
    every_s: float = 0.8,
) -> Path:
    """A segment of Icentia11k: a beat for each symbol, and notes of rhythm at their times; returns its header."""
    name = f"p{patient:05d}_s{segment:02d}"
    place = folder / f"p{patient // 1000:02d}" / f"p{patient:05d}"
    num_samples = round((len(symbols) * every_s + 1) * 250)
    rng = np.random.default_rng([patient, segment])
    peaks = np.round((0.5 + every_s * np.arange(len(symbols))) * 250).astype(np.int64)
    times = np.arange(num_samples)
    wave = rng.normal(0, 0.01, num_samples)
    for peak in peaks:
        near = slice(max(0, peak - 50), peak + 50)
        wave[near] += np.exp(-(((times[near] - peak) / 5.0) ** 2))
    adc = np.round(wave * 74.36482269503546).astype(np.int64)[:, None]
    path = write_adc(place, name, adc, 250, ["ecg"], gains=["74.36482269503546(0)/mV"])
    marks = [(int(peak), symbol, "None") for peak, symbol in zip(peaks, symbols, strict=True)]
    marks += [(round(time_s * 250), "+", note) for time_s, note in rhythm]
    samples, kinds, notes = zip(*sorted(marks), strict=True)
    write_annotations(place, name, samples, kinds, notes)
    return path


REPORTS = tuple(f"report_{number}" for number in range(18))
MEASURED = (
    "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis",
)  # fmt: skip


def write_mimic_folder(folder: Path, studies: Sequence[tuple[int, int, Sequence[str]]], rr_ms: str = "800") -> None:
    """Records of MIMIC-IV-ECG: subject, study and the statements of the machine of each."""
    folder.mkdir(parents=True, exist_ok=True)
    listed, measured = [], []
    for number, (subject, study, statements) in enumerate(studies):
        path = f"files/p{str(subject)[:4]}/p{subject}/s{study}/{study}"
        signal_mv = twelve_leads_mv(10, 500, number, MIMIC_LEADS)
        place = folder / Path(path).parent
        write_record(place, str(study), signal_mv, 500, MIMIC_LEADS, comments=[f"subject_id: {subject}"])
        time = f"2180-07-23 08:{number % 60:02d}:00"
        listed.append([subject, study, study, time, path])
        reports = [*statements, *[""] * (len(REPORTS) - len(statements))]
        numbers = [rr_ms, "40", "128", "170", "258", "518", "81", "29999", "79"]
        measured.append([subject, study, 6848296, time, *reports, "0.005-150 Hz", "60 Hz notch", *numbers])
    _write_csv(folder / "record_list.csv", ["subject_id", "study_id", "file_name", "ecg_time", "path"], listed)
    heading = ["subject_id", "study_id", "cart_id", "ecg_time", *REPORTS, "bandwidth", "filtering", *MEASURED]
    _write_csv(folder / "machine_measurements.csv", heading, measured)


def write_icd(folder: Path, rows: Sequence[tuple[int, int, Sequence[str], int]]) -> None:
    """The table of MIMIC-IV-ECG-Ext-ICD: subject, study, codes and fold."""
    columns = ["ed_diag_ed", "ed_diag_hosp", "hosp_diag_hosp", "all_diag_hosp", "all_diag_all"]
    heading = ["", "file_name", "study_id", "subject_id", "ecg_time", *columns, "gender", "age", "fold", "strat_fold"]
    table = [
        [number, f"mimic/{study}", study, subject, "2180-07-23", *["[]"] * 4, str(list(codes)), "F", 52.0, 0, fold]
        for number, (subject, study, codes, fold) in enumerate(rows)
    ]
    _write_csv(folder / "records_w_diag_icd10.csv", heading, table)


def _write_csv(path: Path, heading: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([heading, *rows])


SMALL_DATASETS = {
    "wfdb_folder": WfdbFolder(),
    "wfdb_headers": WfdbHeaders(),
    "cpsc2018": Cpsc2018(),
    "icentia11k_beats": Icentia11kBeats(window_s=10, segments_per_patient=1),
    "icentia11k_rhythm": Icentia11kRhythm(segments_per_patient=1),
    "mimic_iv_ecg": MimicIvEcg(),
}


def write_small_datasets(root: Path) -> None:
    """Below `root` one folder for each of `SMALL_DATASETS`, with something in every part."""
    write_wfdb_folder(root / "wfdb_folder", [(f"r{row}", f"p{row // 2}", "ab"[row % 2]) for row in range(8)])
    said = [(f"g1/E{row:02d}", f"p{row // 2}", ("426783006", "164889003,10370003")[row % 2]) for row in range(8)]
    write_headed_folder(root / "challenge", said)
    write_cpsc_folder(root / "cpsc2018", 12)
    for patient in range(4):
        write_segment(root / "icentia11k", patient, 0, "NNSNV" * 20, ((0.1, "(N"), (40.0, "(AFIB")))
    numbers = range(10_000_000, 10_001_000)
    subjects = [next(number for number in numbers if fold_of(number) == fold) for fold in (0, 1, *VALIDATION, *TEST)]
    write_mimic_folder(
        root / "mimic_iv_ecg", [(subject, subject + 30_000_000, ["Sinus rhythm"]) for subject in subjects]
    )
