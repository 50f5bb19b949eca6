#!/bin/sh
# The main job on simulated records: simulate, train, evaluate, export, predict. `make demo` calls it.
set -eu
say() { printf '\n== %s\n' "$1"; }
rm -rf demo
export KERASMED_CACHE="demo/cache"

say "1/5 simulate: WFDB records of 12 patients, five AAMI classes (demo/data/ecg_beats)"
kerasmed data simulate ecg_beats demo/data/ecg_beats
say "2/5 train: a small SE-ResNet1D on JAX, split by patient (demo/runs)"
kerasmed train demo_beats --data-dir demo/data --runs-dir demo/runs
say "3/5 evaluate: the same report again, from the stored weights"
kerasmed evaluate latest --data-dir demo/data --runs-dir demo/runs
say "4/5 export: SavedModel and ONNX, published only if they answer as the model does"
kerasmed export latest --runs-dir demo/runs --saved-models demo/saved_models --format saved_model --format onnx
say "5/5 predict: a record of the test split through the ONNX file"
record=$(python -c 'import glob, json; print(json.load(open(*glob.glob("demo/runs/*/split.json")))["test"]["records"][0])')
kerasmed predict demo/saved_models/demo_beats/1/model.onnx "demo/data/ecg_beats/$record.hea" --out demo/predictions
say "done: open demo/runs/*/report.html"
