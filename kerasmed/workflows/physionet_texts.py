"""The files of an entry, by the year whose interface they have; `str.format` fills what stands in braces."""

_TEAM_CODE_2025 = '''"""An entry to the George B. Moody PhysioNet Challenge, written by `kerasmed physionet-entry`."""

import logging
from pathlib import Path

from kerasmed.workflows import challenge

POSITIVE = {positive!r}  # the class of the model in `model` that means yes
# What a training on the data of the challenge reads in headers.
LABELS = challenge.{labels!r}


def train_model(data_folder, model_folder, verbose):
    """Train by config.yaml on the records below data_folder; leave the model in model_folder."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")
    challenge.train(Path(__file__).resolve().parent, Path(data_folder), Path(model_folder), LABELS)


def load_model(model_folder, verbose):
    """The model that train_model left, or the one in `model`."""
    return challenge.load(Path(model_folder))


def run_model(record, model, verbose):
    """Whether the record is positive, and its score."""
    return challenge.answer(model, Path(record), POSITIVE, verbose)
'''

_TEAM_CODE_2021 = '''"""An entry to the PhysioNet/CinC Challenge 2021, written by `kerasmed physionet-entry`."""

from pathlib import Path

from kerasmed.workflows import challenge

# What a training on the data of the challenge reads in headers.
LABELS = challenge.{labels!r}


def training_code(data_directory, model_directory):
    """Train by config.yaml on the records below data_directory; leave the model in model_directory."""
    challenge.train(Path(__file__).resolve().parent, Path(data_directory), Path(model_directory), LABELS)


def load_model(model_directory, leads):
    """The model that training_code left, or the one in `model`; it is one for every set of leads that holds its own."""
    return challenge.load(Path(model_directory))


def run_model(model, header, recording):
    """The classes, which of them are called, and their scores."""
    return challenge.answer_all(model, header, recording)
'''

_DOCKERFILE = """\
FROM python:{{python}}-slim-bookworm

RUN mkdir /{folder}
COPY ./ /{folder}
WORKDIR /{folder}

RUN pip install --no-cache-dir -r requirements.txt
"""

_READ_ME = """\
# Entry to the PhysioNet Challenge {year}

Written by `kerasmed physionet-entry` around {{model}} (classes: {{classes}}).{yes}
Put the challenge's own scripts ({scripts}) beside `team_code.py`, then:

    pip install -r requirements.txt
    {train}
    {run}

`model` holds the trained model as it is; training writes another one, by the settings of `config.yaml`.
For research. Not a medical device.
"""

TEAM_CODE = {"2025": _TEAM_CODE_2025, "2021": _TEAM_CODE_2021}
DOCKERFILE = {"2025": _DOCKERFILE.format(folder="challenge"), "2021": _DOCKERFILE.format(folder="physionet")}
READ_ME = {
    "2025": _READ_ME.format(
        year=2025, yes=" It answers yes with {positive}.", scripts="`helper_code.py`, `train_model.py`, `run_model.py`",
        train="python train_model.py -d training_data -m model -v",
        run="python run_model.py -d holdout_data -m model -o holdout_outputs -v",
    ),
    "2021": _READ_ME.format(
        year=2021, yes="", scripts="`helper_code.py`, `train_model.py`, `test_model.py`",
        train="python train_model.py training_data model", run="python test_model.py model test_data test_outputs",
    ),
}  # fmt: skip
