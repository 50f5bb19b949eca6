"""`.npy` files of beats: the shapes that are read, the units, and files that lie."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ContractError, DataError
from kerasmed.inference.beats import predict_path
from tests.fakes.predictors import early_beat_predictor, window_predictor


def save(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "beats.npy", array, allow_pickle=True)
    return folder / "beats.npy"


def beats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


@pytest.mark.parametrize("shape", [(5, 187), (5, 1, 187), (1, 1, 187), (5, 187, 1)])
def test_beats_of_every_promised_shape_are_judged(shape: tuple[int, ...], tmp_path: Path) -> None:
    (prediction,) = predict_path(window_predictor(), save(tmp_path, beats(*shape))).found
    assert prediction.scores.shape == (shape[0], 5)


def test_samples_stay_in_their_order(tmp_path: Path) -> None:
    rising = np.stack([np.linspace(0, 1, 187), np.linspace(1, 0, 187)])[:, None, :]
    (prediction,) = predict_path(window_predictor(), save(tmp_path, rising)).found
    assert [prediction.classes[label] for label in prediction.labels] == ["V", "N"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f8"])
def test_every_float_type_is_read(dtype: str, tmp_path: Path) -> None:
    assert predict_path(window_predictor(), save(tmp_path, beats(2, 187).astype(dtype))).found


@pytest.mark.parametrize("shape", [(5, 186), (187, 5), (5, 2, 187), (5, 187, 2), (1, 187, 187)])
def test_another_shape_is_refused_with_the_one_expected(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"takes \(n, 187\) or \(n, 1, 187\) at 125 Hz"):
        predict_path(window_predictor(), save(tmp_path, beats(*shape)))


@pytest.mark.parametrize("shape", [(), (187,), (0, 187), (1, 1, 1, 187)])
def test_an_array_that_is_no_list_of_beats_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has shape"):
        predict_path(window_predictor(), save(tmp_path, np.zeros(shape)))


def test_a_model_with_rr_features_asks_for_a_record(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"the model reads signal .*, rr .* give it a WFDB record"):
        predict_path(early_beat_predictor(), save(tmp_path, beats(2, 96)))


def test_a_model_of_values_scaled_by_the_record_asks_for_a_record(tmp_path: Path) -> None:
    with pytest.raises(
        ContractError, match=r"the model reads signal \(187, 1\) in QRS height .* give it a WFDB record"
    ):
        predict_path(window_predictor("QRS height"), save(tmp_path, beats(2, 187)))


def test_values_beyond_0_and_1_are_scaled_beat_by_beat_and_it_says_so(tmp_path: Path) -> None:
    raw = np.stack([np.linspace(-3, 5, 187), np.linspace(1000, 900, 187)])
    (prediction,) = predict_path(window_predictor(), save(tmp_path, raw)).found
    assert prediction.notes == ("values from -3 to 1000 were scaled beat by beat to 0..1, as the model reads them",)


def test_a_flat_beat_is_scaled_to_zero_not_to_nan(tmp_path: Path) -> None:
    assert np.isfinite(predict_path(window_predictor(), save(tmp_path, np.full((1, 187), 7.0))).found[0].scores).all()


def test_millivolts_are_taken_as_such_and_it_says_so(tmp_path: Path) -> None:
    (prediction,) = predict_path(window_predictor("mV"), save(tmp_path, 3 * beats(2, 187))).found
    assert prediction.notes == ("values were taken as mV",)


@pytest.mark.parametrize("array", [1000 * beats(2, 187), np.ones((2, 187), np.int16)])
def test_converter_steps_are_refused_by_a_model_of_millivolts(array: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="are no mV"):
        predict_path(window_predictor("mV"), save(tmp_path, array))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_row(value: float, tmp_path: Path) -> None:
    array = beats(4, 187)
    array[2, 5] = value
    with pytest.raises(DataError, match="1 of 4 beats hold NaN or infinity, the first is row 2"):
        predict_path(window_predictor(), save(tmp_path, array))


@pytest.mark.parametrize("dtype", ["complex128", "bool", "U3", "datetime64[s]", [("a", "f4")]])
def test_what_is_not_a_real_number_is_refused(dtype, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not real numbers"):
        predict_path(window_predictor(), save(tmp_path, np.zeros((2, 187), dtype)))


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not real numbers"):
        predict_path(window_predictor(), save(tmp_path, np.array([[print, None]], dtype=object)))


def test_a_raw_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beats.npy").write_bytes(pickle.dumps(beats(2, 187)))
    with pytest.raises(DataError, match=r"is no \.npy file"):
        predict_path(window_predictor(), tmp_path / "beats.npy")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("(100000, 100000, 100)", "more than"),
        ("(536870912, 1)", "but holds"),
        ("(-1, 187)", "has shape"),
        ("__import__('os')", "is no .npy file"),
        ("(" * 5000, "is no .npy file"),
    ],
)
def test_a_header_that_lies_is_refused_before_any_memory_is_taken(shape: str, reason: str, tmp_path: Path) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    (tmp_path / "beats.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(DataError, match=reason):
        predict_path(window_predictor(), tmp_path / "beats.npy")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, beats(5, 187))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="declares 7480 bytes of numbers but holds 7479"):
        predict_path(window_predictor(), path)


def test_an_empty_or_absent_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beats.npy").touch()
    for name in ("beats.npy", "absent.npy"):
        with pytest.raises(DataError, match=r"is no \.npy file"):
            predict_path(window_predictor(), tmp_path / name)
