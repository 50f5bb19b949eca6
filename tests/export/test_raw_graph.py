"""What a serving graph makes of a recording equals what `data/` makes of it; both are asked here, step by step."""

from dataclasses import replace

import numpy as np
import pytest

from kerasmed.calibration import Calibration
from kerasmed.config.dataset import BeatExamples
from kerasmed.data.examples import beat_spec, beats_of
from kerasmed.data.quality import FAULTS, faults_of, measure_signal
from kerasmed.data.sources.kaggle import kaggle_spec
from kerasmed.errors import ConfigError
from kerasmed.evaluation.judged import answers
from kerasmed.export.raw.describe import checked_rate, describe, fault_names, refusal
from kerasmed.export.raw.probe import expected_scores, probe, probe_recording
from kerasmed.export.raw.request import raw_request
from kerasmed.spec import ExampleSpec, SignalContract, TargetSpec
from tests.data.test_quality import CONTRACT as LIMB_LEADS
from tests.data.test_quality import WRONG

CLASSES = tuple("NSVFQ")
SETTINGS = {
    "usual": BeatExamples(),
    "two leads, both": BeatExamples(template="both", leads=("MLII", "V1")),
    "min-max": BeatExamples(template="none", scaling="min_max", shape=False, rr="none", remove_baseline=False),
    "millivolts": BeatExamples(scaling="none", rate_hz=128),
}


@pytest.fixture(scope="module")
def tf(backend: str):
    """TensorFlow, of which the graphs are made; under another backend the export does that in a child process."""
    if backend != "tensorflow":
        pytest.skip("serving graphs are made on TensorFlow; test_raw_serving.py goes through the child process")
    import tensorflow

    return tensorflow


@pytest.mark.parametrize("rate_hz", [128.0, 250.0, 360.0, 1000.0])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_inputs_of_the_model_are_those_of_training(tf, name, rate_hz):
    from kerasmed.export.raw.beats import cut_windows, inputs_of

    settings = SETTINGS[name]
    spec = beat_spec(settings, CLASSES, rate_hz)
    record, peaks = probe_recording(spec.contract, rate_hz)
    arrays, kept = beats_of(record, peaks, settings)
    beats, judged = cut_windows(tf.constant(record.signal_mv), tf.constant(peaks), rate_hz, settings)
    found = inputs_of(beats, judged, tf.constant(peaks), rate_hz, settings)
    np.testing.assert_array_equal(judged.numpy(), kept)
    assert 0 < np.count_nonzero(~kept) < 10  # the gap is met
    assert set(found) == set(arrays)
    for key, values in arrays.items():
        step = spec.inputs[key].scale if values.dtype == np.int16 else 0.0
        off = np.abs(found[key].numpy() - values.astype(np.float32) * np.float32(spec.inputs[key].scale))
        assert off.max() <= step * 1.001 + 2e-6
        assert np.mean(off > 2e-6) < 1e-3  # values midway between two steps


def test_the_probe_has_a_usual_kind_of_beat_and_another():
    spec = beat_spec(BeatExamples(), CLASSES, 360.0)
    arrays, _ = beats_of(*probe_recording(spec.contract, 360.0), BeatExamples())
    assert np.ptp(arrays["shape"][:, -2]) > 0.5


@pytest.mark.parametrize("name", [*WRONG, "a good one"])
def test_faults_of_a_recording_are_those_that_training_finds(tf, name):
    from kerasmed.export.raw.quality import signal_faults

    record = WRONG[name][1] if name in WRONG else replace(WRONG["noise"][1], **_good())
    contract = replace(LIMB_LEADS, leads=record.leads)
    expected = {fault.name for fault in faults_of(measure_signal(record), contract, record.rate_hz)}
    found = signal_faults(tf.constant(record.signal_mv), record.rate_hz, contract).numpy()
    assert {fault for fault, there in zip(FAULTS, found, strict=True) if there} == expected


def _good() -> dict:
    from tests.data.test_quality import recording

    return {"signal_mv": recording().signal_mv}


def test_runs_sums_and_bridges_are_those_of_numpy(tf):
    from kerasmed.export.raw import ops

    rng = np.random.default_rng(0)
    values = rng.normal(size=50).astype(np.float32)
    missing = rng.random(50) < 0.3
    places = np.arange(50)
    bridged = np.where(missing, np.interp(places, places[~missing], values[~missing]), values)
    found = ops.bridged(tf.constant(np.where(missing, 0, values).astype(np.float32)), tf.constant(missing))
    np.testing.assert_allclose(found.numpy(), bridged, atol=1e-6)
    assert not ops.bridged(tf.zeros([5]), tf.ones([5], tf.bool)).numpy().any()
    mirrored = ops.neighbours(tf.constant(values[:4]), 10, 10, mirrored=True).numpy()
    padded = np.pad(values[:4], 10, mode="symmetric")
    np.testing.assert_array_equal(mirrored, np.lib.stride_tricks.sliding_window_view(padded, 21))
    for count in (4, 5):
        rows = rng.normal(size=(3, count)).astype(np.float32)
        np.testing.assert_allclose(ops.median(tf.constant(rows)).numpy(), np.median(rows, axis=1), rtol=1e-6)


@pytest.mark.parametrize("decide", ["highest", "thresholds"])
def test_labels_and_prediction_sets_are_those_of_the_calibration(tf, decide):
    from kerasmed.export.raw.graph import serving_function

    spec, scores = kaggle_spec(), np.random.default_rng(1).dirichlet(np.ones(5), 40).astype(np.float32)
    calibration = Calibration(
        spec.target, "temperature", (1.0,) * 5, (0.0,) * 5, (0.5, 0.1, 0.3, 0.05, 0.9), decide, 0.9, (0.7,)
    )
    serving = serving_function(
        lambda inputs, training: {"label": tf.constant(scores)}, spec, {"label": calibration}, None
    )
    found = {name: values.numpy() for name, values in serving(tf.constant(np.random.rand(40, 187), tf.float32)).items()}
    np.testing.assert_array_equal(found["labels"], answers(scores, spec.target, calibration.deciding))
    np.testing.assert_array_equal(found["sets"], calibration.sets(scores))


def test_rows_beyond_0_to_1_are_scaled_one_by_one_and_nan_is_refused(tf):
    from kerasmed.export.raw.graph import serving_function

    seen = []

    def model(inputs, training):
        seen.append(inputs["signal"])
        return {"label": tf.tile(tf.reduce_mean(inputs["signal"], axis=1), [1, 5])}

    rows = np.linspace(-3, 7, 187, dtype=np.float32) * np.array([[1.0], [2.0]], np.float32)
    serving = serving_function(model, kaggle_spec(), {}, None)
    np.testing.assert_allclose(serving(rows)["scores"].numpy(), 0.5, atol=1e-6)
    np.testing.assert_allclose(serving(np.full((1, 187), 0.25, np.float32))["scores"].numpy(), 0.25)
    rows[1, 3] = np.nan
    found = serving(rows)
    assert found["faults"].numpy().tolist() == [True]
    assert np.isnan(found["scores"].numpy()).all()
    assert (found["labels"].numpy() == -1).all()


def test_a_spec_that_no_graph_can_hold_is_told_why():
    usual = beat_spec(BeatExamples(), CLASSES, 360.0)
    assert refusal(usual, 360.0) == ""
    assert "--rate-hz" in refusal(usual, None)
    assert "rr=so_far" in refusal(beat_spec(BeatExamples(rr="so_far"), CLASSES), 360.0)
    assert "not made inside a graph" in refusal(ExampleSpec({}, {}, {"kind": "dreams"}), None)
    with pytest.raises(ConfigError, match="between 50 and 10000 Hz"):
        checked_rate(5.0)


def test_the_rate_of_a_serving_graph_is_the_one_asked_for_else_that_of_the_training_records():
    spec = beat_spec(BeatExamples(), CLASSES, 360.0)
    assert raw_request(spec, {}, None, None)["rate_hz"] == 360.0
    asked = raw_request(spec, {}, None, 250.0)
    assert (asked["rate_hz"], asked["description"]["inputs"]["signal_mv"]["rate_hz"]) == (250.0, 250.0)
    assert raw_request(beat_spec(BeatExamples(), CLASSES), {}, None, None) is None


def test_a_description_names_units_rate_leads_and_faults():
    spec = beat_spec(BeatExamples(leads=("MLII", "V1")), CLASSES, 250.0)
    told = describe(spec, {}, 250.0)
    assert told["inputs"]["signal_mv"]["shape"] == ["samples", 2]
    assert (told["inputs"]["signal_mv"]["unit"], told["inputs"]["signal_mv"]["rate_hz"]) == ("mV", 250.0)
    assert told["faults"] == list(fault_names(spec)) == ["rate", "peaks", *FAULTS]
    assert told["decide"] == "highest"


def test_expected_scores_are_nan_where_training_keeps_no_beat(one_backend):
    import keras

    spec = replace(
        beat_spec(SETTINGS["min-max"], CLASSES, 360.0), targets={"label": TargetSpec("single_label", CLASSES)}
    )
    signal = keras.Input(spec.inputs["signal"].shape, name="signal")
    scores = keras.layers.Dense(5, activation="softmax")(keras.layers.Flatten()(signal))
    model = keras.Model({"signal": signal}, {"label": scores})
    inputs = probe(spec, 360.0)
    found = expected_scores(model, spec, inputs)
    _, kept = beats_of(*probe_recording(SignalContract(("MLII",)), 360.0), SETTINGS["min-max"])
    np.testing.assert_array_equal(np.isfinite(found).all(axis=1), kept)
