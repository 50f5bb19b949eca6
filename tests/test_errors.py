import pytest

from kerasmed import errors
from kerasmed.errors import (
    ConfigError,
    ContractError,
    DataError,
    InterruptedRunError,
    KerasmedError,
    LeakageError,
    MissingPackageError,
    OtherModelError,
    TrackerError,
    TrainingError,
    UnknownNameError,
    unknown,
)

EXIT_CODES = {
    KerasmedError: 1,
    ConfigError: 2,
    UnknownNameError: 2,
    MissingPackageError: 2,
    DataError: 3,
    OtherModelError: 3,
    LeakageError: 3,
    ContractError: 4,
    TrainingError: 5,
    TrackerError: 6,
    InterruptedRunError: 130,
}


@pytest.mark.parametrize(("error", "code"), EXIT_CODES.items())
def test_every_error_has_its_exit_code(error, code):
    assert error.exit_code == code


def test_no_error_is_without_a_tested_exit_code():
    defined = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, KerasmedError)}
    assert defined == set(EXIT_CODES)


def test_an_unknown_name_gets_the_nearest_known_one():
    assert str(unknown("backend", "tensorflwo", ("jax", "torch", "tensorflow"))) == (
        "no backend named 'tensorflwo'. Did you mean 'tensorflow'?"
    )


def test_a_name_like_no_other_gets_the_whole_list_in_order():
    error = unknown("backend", "mxnet", ("torch", "jax"))
    assert str(error) == "no backend named 'mxnet'. Known: jax, torch."
    assert (error.name, error.known) == ("mxnet", ["jax", "torch"])


def test_a_missing_package_comes_with_its_install_command():
    assert str(MissingPackageError("wfdb", "ecg", "format 311")) == "format 311 needs wfdb: pip install 'kerasmed[ecg]'"


def test_a_data_error_names_the_record_the_fault_and_the_remedy():
    error = DataError("100.dat", "was cut off.", "Fetch it again.")
    assert str(error) == "100.dat: was cut off. Fetch it again."
    assert (error.record, error.reason, error.remedy) == ("100.dat", "was cut off.", "Fetch it again.")


def test_a_data_error_without_remedy_ends_after_the_fault():
    assert str(DataError("100.dat", "was cut off.")) == "100.dat: was cut off."
