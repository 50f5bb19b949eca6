"""Run folders that judged X-rays: config, manifest, report and scores, of models as good as asked for."""

import json
from pathlib import Path

import numpy as np

from kerasmed.config.load import load_run, resolved_yaml
from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.report import Report
from kerasmed.evaluation.scored import SCORES, save_scores
from kerasmed.spec import TargetSpec

TWO = TargetSpec("single_label", ("NORMAL", "PNEUMONIA"))
PROTOCOL = Protocol("xrays", "X-rays by patient.")


def judged_pictures(skill: float, seed: int, num_patients: int = 60, pictures: int = 1) -> Judged:
    """Pictures of patients, half of them ill; `skill` is how far the scores of the ill lie above the others'."""
    ill = np.repeat(np.arange(num_patients) % 2, pictures)
    logits = skill * (ill - 0.5) + np.random.default_rng(seed).normal(size=len(ill))
    scores = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
    ids = np.char.mod("xray%03d", np.arange(len(ill)))
    patients = np.char.mod("person%02d", np.repeat(np.arange(num_patients), pictures))
    return Judged(TWO, np.stack([1 - scores, scores], axis=1), ill.astype(np.int8), ids, patients, ids)


def report_of(judged: Judged, protocol: Protocol = PROTOCOL) -> Report:
    return evaluate(judged, protocol, Evaluation(bootstrap=20), 0)


def write_scored_run(runs: Path, name: str, judged: Judged, words: tuple[str, ...] = (), report: object = None) -> Path:
    folder = runs / name
    folder.mkdir(parents=True)
    config = load_run("chest_xray_pneumonia", words)
    (folder / "config.yaml").write_text(resolved_yaml(config))
    facts = {"status": "complete", "started": "2026-01-01T00:00:00+00:00", "backend": config.backend}
    (folder / "manifest.json").write_text(json.dumps(facts))
    (folder / "report.json").write_text(json.dumps((report or report_of(judged)).to_json()))
    save_scores(judged, folder / SCORES)
    return folder
