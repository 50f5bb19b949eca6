"""The operations that change the disk, each with what must hold whatever happens amid it: docs/faults.md, I1-I9."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.config.dataset import WfdbBeats
from kerasmed.data.dataset import Dataset
from kerasmed.data.prepared import MANIFEST, BadRecordPolicy, open_prepared, prepare
from kerasmed.data.sources.wfdb_beats import build_wfdb_beats
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from kerasmed.training import checkpoint
from tests.fakes.beats import write_beats
from tests.fakes.toy import toy_config, toy_spec, toy_stream
from tests.faults.every_step import Operation

LENIENT = BadRecordPolicy(max_rate=0.5)
STEPS_PER_EPOCH = 10
DAMAGED = "step-000000032"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def prepare_operation(data: Path) -> Operation:
    """Prepare four records, one of them bad, beside another set and in place of a folder that is only half there."""
    for number in range(4):
        write_beats(data / "db", f"r{number}", "NNVN+NA~N", seed=number)
    (data / "db" / "r3.dat").write_bytes(b"\x01\x02")
    wanted, other = _read_once(data, 180.0), _read_once(data, 90.0)
    good = prepare(wanted, data / "cache", LENIENT).folder
    right_hashes = files.hash_folder(good)
    other_name = prepare(other, data / "cache", LENIENT).folder.name

    def begin(root: Path) -> None:
        prepare(other, root, LENIENT)
        half = root / "prepared" / good.name / "arrays"
        half.mkdir(parents=True)
        (half / "signal.npy").write_bytes(b"half")

    def whole(root: Path) -> None:
        sets = [path.parent for path in (root / "prepared").glob(f"[!.]*/{MANIFEST}")]
        assert other_name in [folder.name for folder in sets]
        for folder in sets:
            assert set(open_prepared(folder).arrays) == {"signal", "rr", "shape", "label"}
        if root / "prepared" / good.name in sets:
            assert files.hash_folder(root / "prepared" / good.name) == right_hashes

    def right(root: Path) -> None:
        sets = {good.name, other_name}
        assert names_in(root / "prepared") == sets | {f".{name}.lock" for name in sets}
        assert files.hash_folder(root / "prepared" / good.name) == right_hashes

    return Operation("prepare", begin, lambda root: prepare(wanted, root, LENIENT), whole, right)


def _read_once(data: Path, rate_hz: float) -> Dataset:
    """The dataset, whose records are read once and not for every case."""
    config = WfdbBeats(folder="db", examples={"rate_hz": rate_hz})
    dataset: Dataset = build_wfdb_beats(config, data)
    known = {record.record_id: dataset.make_examples(record) for record in dataset.records[:3]}
    return replace(dataset, make_examples=lambda record: known.get(record.record_id) or dataset.make_examples(record))


def small_model() -> tuple[Any, ExampleSpec]:
    """A model of one layer, to be exported many times, and its spec."""
    import keras

    signal = keras.Input((4, 1), name="signal")
    answers = {"label": keras.layers.Dense(2, name="label")(keras.layers.Flatten()(signal))}
    spec = ExampleSpec({"signal": ArraySpec((4, 1), "int16")}, {"label": TargetSpec("single_label", ("N", "V"))})
    return keras.Model(signal, answers), spec


def export_operation(model: Any, spec: Any, formats: list[str]) -> Operation:
    """Publish the second version of a model."""
    from kerasmed.export.formats import KERAS
    from kerasmed.export.keras_file import open_keras
    from kerasmed.export.publish import export_run_model
    from kerasmed.versions import MANIFEST as VERSION_MANIFEST

    def act(root: Path) -> None:
        evidence = {"config.yaml": root / "config.yaml", "report.json": {"records": 3}, "source": {"run": "x"}}
        export_run_model(model, spec, formats, root / "saved", "hard", evidence)

    def begin(root: Path) -> None:
        (root / "config.yaml").write_text("seed: 0\n")
        act(root)

    def whole(root: Path) -> None:
        versions = [folder for folder in (root / "saved" / "hard").iterdir() if not folder.name.startswith(".")]
        assert "1" in [folder.name for folder in versions]
        for folder in versions:
            manifest = json.loads((folder / VERSION_MANIFEST).read_text())
            assert files.hash_folder(folder, skip=frozenset({VERSION_MANIFEST})) == manifest["files"]
            assert manifest["formats"] == formats
            assert (folder / KERAS).is_file()

    def right(root: Path) -> None:
        # Where the fault came after the rename, the version it spoiled the end of is whole, and stands.
        names = names_in(root / "saved" / "hard")
        assert names in ({".lock", "1", "2"}, {".lock", "1", "2", "3"})
        newest = root / "saved" / "hard" / max(names - {".lock"})
        assert open_keras(newest / KERAS).count_params() == model.count_params()

    return Operation(f"export ({', '.join(formats)})", begin, act, whole, right)


def delete_operation() -> Operation:
    """Delete the newest of two versions, and export another."""
    from kerasmed.registry.delete import delete_version
    from kerasmed.registry.verify import faults_of
    from kerasmed.versions import versions_of
    from tests.fakes.saved_models import write_version

    def begin(root: Path) -> None:
        write_version(root)
        write_version(root)

    def act(root: Path) -> None:
        if 2 in versions_of(root / "beats"):
            delete_version(root / "beats" / "2")
        write_version(root)

    def whole(root: Path) -> None:
        versions = versions_of(root / "beats")
        assert 1 in versions
        for version in versions:
            assert faults_of(root / "beats" / str(version)) == []

    def right(root: Path) -> None:
        # Where the fault came after the rename, the version it spoiled the end of is whole, and stands.
        assert names_in(root / "beats") - {"4"} == {".lock", ".deleted.json", "1", "3"}

    return Operation("delete", begin, act, whole, right)


def save_operation() -> Operation:
    """Go on from the newest checkpoint to the end of epoch 4, by a save within the epoch; two saves, each pruned."""
    return Operation("checkpoint", _save_three_epochs, _go_on, _checkpoints_are_whole, _checkpoints_are_right)


def _save(root: Path, epoch: int, step: int) -> None:
    if step == 0:
        weights = [np.full((3, 2), epoch, np.float32)]
        checkpoint.save_checkpoint(checkpoint.epoch_folder(root, epoch), checkpoint.WEIGHTS, weights, {})
    done = epoch * STEPS_PER_EPOCH + step
    position, best = {"epoch": epoch, "step": step}, {"epoch": min(epoch, 1)}
    state = {"position": position, "global_step": done, "parts": {"best": best}}
    arrays = [np.full((3, 2), done, np.float32), np.arange(done)]
    checkpoint.save_checkpoint(checkpoint.step_folder(root, done), checkpoint.TRAINING, arrays, state)
    checkpoint.prune(root, None)


def _save_three_epochs(root: Path) -> None:
    """Two sound generations, a newer one that is damaged, and what two deaths left."""
    for epoch, step in ((1, 0), (2, 0), (3, 0), (3, 2)):
        _save(root, epoch, step)
    spoilt = root / DAMAGED / checkpoint.TRAINING
    spoilt.write_bytes(spoilt.read_bytes()[:-1])
    (root / f".step-000000099.{'0' * 32}.tmp").mkdir()
    half = root / f".epoch-0001.{'1' * 32}.old"
    half.mkdir()
    (half / checkpoint.WEIGHTS).write_bytes(b"half")


def _go_on(root: Path) -> None:
    found = checkpoint.newest_step(root)
    assert found is not None
    checkpoint.forget_after(root, found[1])
    for epoch, step in ((3, 5), (4, 0)):
        if epoch * STEPS_PER_EPOCH + step > found[1]["global_step"]:
            _save(root, epoch, step)


def _checkpoints_are_whole(root: Path) -> None:
    found = checkpoint.newest_step(root)
    assert found is not None
    folder, state = found
    assert state["global_step"] >= 3 * STEPS_PER_EPOCH
    assert (checkpoint.load_arrays(folder, checkpoint.TRAINING)[0] == state["global_step"]).all()
    for visible in names_in(root) - {DAMAGED}:
        if not visible.startswith("."):
            checkpoint.verify_checkpoint(root / visible)


def _checkpoints_are_right(root: Path) -> None:
    wanted = {"epoch-0001", "epoch-0003", "epoch-0004", "step-000000035", "step-000000040"}
    # A death after the last save of all leaves one generation more than are kept: there is no next save.
    assert names_in(root) in (wanted, wanted | {"step-000000030"})


def training_operation() -> Operation:
    """A whole training of two epochs, from wherever it stands: history, saves beside the training's thread, pruning."""
    digests: list[str] = []

    def act(root: Path) -> None:
        files.sweep(root)
        digests.append(_fit(root))

    def whole(root: Path) -> None:
        checkpoints = root / "checkpoints"
        if checkpoints.is_dir():
            checkpoint.newest_step(checkpoints)
            for visible in names_in(checkpoints):
                if not visible.startswith("."):
                    checkpoint.verify_checkpoint(checkpoints / visible)
        for lines in root.glob("metrics.jsonl"):
            epochs = [json.loads(line)["epoch"] for line in lines.read_text().splitlines()]
            assert epochs == list(range(1, len(epochs) + 1))

    def right(root: Path) -> None:
        assert digests[-1] == digests[0]
        assert names_in(root) == {"checkpoints", "metrics.jsonl", "history.csv"}
        assert {name for name in names_in(root / "checkpoints") if name.startswith(".")} == set()
        assert len((root / "metrics.jsonl").read_text().splitlines()) == 2

    return Operation("training", lambda root: None, act, whole, right)


def _fit(root: Path) -> str:
    """Digest of the weights that a small training in `root` ends with."""
    from kerasmed.build import build
    from kerasmed.runtime import seed_everything
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    config = toy_config(epochs=2, monitor="val_accuracy", save_every="2steps")
    seed_everything(config.seed)
    model = build(config.model, toy_spec())
    rows = ValidationRows(np.arange(192, 256), lambda logits, targets: {"accuracy": float(logits["label"].mean())})
    fit(model, toy_spec(), toy_stream(), rows, config, root)
    return files.digest([weights.tolist() for weights in model.get_weights()])
