"""Studies as searches leave them, written in a moment: records, and finished runs without checkpoints."""

from pathlib import Path

from kerasmed.config.space import load_space
from kerasmed.tuning.records import COMPLETE, FAILED, Records
from kerasmed.tuning.study import Study, open_study
from kerasmed.tuning.trial_run import FIRST_STEP_S, KEY
from tests.fakes.finished_runs import change, change_epoch, write_finished
from tests.fakes.small_runs import small_config

GRID = """\
search: {method: grid, objective: val_loss}
trainer.learning_rate: [0.01, 0.1]
loader.batch_size: [16, 32]
"""
DATA = {"fingerprint": "f" * 64, "split": "s" * 64}


def begin_study(base: Path, space: str = GRID, *words: str) -> Study:
    """A study without a trial."""
    base.mkdir(parents=True, exist_ok=True)
    (base / "space.yaml").write_text(space)
    study = Study(base / "study", small_config(base, *words), load_space(str(base / "space.yaml")))
    open_study(study, DATA)
    return study


def write_study_of(base: Path, scores: list[float | None], space: str = GRID, *words: str) -> Study:
    """A study of a grid whose trials have these validation losses; None failed."""
    study = begin_study(base, space, *words)
    records = Records(study.folder)
    first, second = study.space.parameters
    for number, score in enumerate(scores):
        place, drawn = divmod(number, len(second.values)), f"{number:04d}"
        records.begin(drawn, {first.path: place[0], second.path: place[1]}, "worker/0")
        if score is None:
            records.end(drawn, FAILED, None, None, "no <memory>")
            continue
        settings = study.settings_of(records.trials[drawn])
        run = write_finished(study.runs, study.config_of(settings))
        change(run, "manifest.json", **{KEY: study.key_of(settings), FIRST_STEP_S: 1.5 + number})
        change_epoch(run, 2, val_loss=score)
        records.end(drawn, COMPLETE, score, 2, None)
    return study
