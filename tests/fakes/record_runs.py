"""A small run of whole records: eight people with two records each, two labels, crops, and a calibration by hand."""

from pathlib import Path

from kerasmed import files
from kerasmed.calibration import THRESHOLDS, Calibration, calibrations_to_json
from kerasmed.config.load import load_run
from kerasmed.spec import TargetSpec
from tests.fakes.small_runs import CANARY, TrainedRun
from tests.fakes.twelve_lead_folders import LEADS, twelve_leads_mv
from tests.fakes.wfdb_files import write_record

FOLDER, RATE_HZ, CLASSES = "own", 500, ("af", "block")
SMALL = """\
dataset: {kind: wfdb_folder, folder: own, task: multi_label, validation_rate: 0.2, test_rate: 0.2}
model: {kind: se_resnet1d, stem_width: 4, stem_kernel: 3, stem_stride: 4, stem_pool: false, stage_widths: [4],
  stage_blocks: [1], kernel: 3, squeeze: 4, dropout_rate: 0.0, head_dropout_rate: 0.0}
crops: {length_s: 4, stride_s: 2, pool: max}
loader: {batch_size: 8}
trainer: {epochs: 1, optimizer: sgd, learning_rate: 0.05, schedule: constant, warmup_epochs: 0.0}
evaluation: {bootstrap: 0, batch_size: 64}
"""


def write_labelled_records(folder: Path, num_patients: int = 8, extension: str = "dat", **header: object) -> None:
    """12 leads of 10 s at 500 Hz, in millivolts; `labels.csv` names af, block, both or none in turn."""
    rows = ["record,patient,label"]
    for number in range(2 * num_patients):
        label = ("af", "block", "af;block", "")[number % 4]
        signal_mv = twelve_leads_mv(10, RATE_HZ, number)
        signal_mv *= 1.0 + 0.5 * (number % 2)
        write_record(folder, f"r{number:02d}", signal_mv, RATE_HZ, LEADS, adc_gain=1000, **header)
        rows.append(f"r{number:02d},{CANARY}-{number // 2},{label}")
    (folder / "labels.csv").write_text("\n".join([*rows, ""]))


def train_on_records(base: Path, backend: str) -> TrainedRun:
    """A finished run with thresholds that call neither label where a score is below 0.4 and 0.3."""
    from kerasmed.workflows.places import Places
    from kerasmed.workflows.run_folder import read_manifest
    from kerasmed.workflows.train import train

    write_labelled_records(base / CANARY / FOLDER)
    (base / "records.yaml").write_text(SMALL)
    config = load_run(base / "records.yaml", [f"backend={backend}"])
    places = Places(data=base / CANARY, runs=base / "runs", cache=base / "cache")
    folder, report = train(config, places)
    calibration = Calibration(
        target=TargetSpec("multi_label", CLASSES), method="platt", scale=(1.5, 0.7), offset=(0.1, -0.2),
        thresholds=(0.4, 0.3), quantiles=(0.6, 0.5), decide="thresholds", coverage=0.9,
    )  # fmt: skip
    tree = calibrations_to_json({"label": calibration}, read_manifest(folder)["weights_sha256"])
    files.write_json(folder / THRESHOLDS, tree)
    return TrainedRun(folder, config, report, places)
