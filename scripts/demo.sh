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
say "5/5 predict: a record through the ONNX file"
record=$(ls demo/data/ecg_beats/*.hea | head -n 1)
kerasmed predict demo/saved_models/demo_beats/1/model.onnx "$record" --out demo/predictions
say "done: open demo/runs/*/report.html"
