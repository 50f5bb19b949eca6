"""`.keras` files from elsewhere, in saved models whose manifest fits: no prediction, no file, no socket."""

import base64
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kerasmed.cli import run
from tests.fakes import attack_files as sent
from tests.fakes.attack_files import LENGTH, called, dense_made_by, hdf5, layer, network, write_keras

FLAT = layer("Flatten", "flat", "signal", [None, LENGTH, 1])


def test_the_file_that_the_attacks_are_made_of_answers(tmp_path: Path, capsys) -> None:
    model = sent.write_saved_model(tmp_path / "sent" / "1", write_keras(tmp_path / "sound.keras"))
    windows = sent.write_windows(tmp_path / "windows.npy")
    assert run(["predict", str(model), str(windows), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "out" / "windows.npy.csv").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (called("os", "system", "touch ran"), "made by 'os' (system)"),
        (called("os", "system", {"command": "touch ran"}, "os>system"), "made by 'os'"),
        (called("subprocess", "Popen", {"args": ["touch", "ran"]}), "made by 'subprocess'"),
        (called("builtins", "exec", "open('ran', 'w')"), "made by 'builtins'"),
        (called("builtins", "function", "exec", "function"), "holds a function"),
        (called("keras.utils", "get_file", {"fname": "ran", "origin": "URL"}), "made by 'keras.utils'"),
        (called("keras.src.utils.file_utils", "get_file", {"origin": "URL"}), "made by 'keras.src.utils.file_utils'"),
        (called("keras.config", "enable_unsafe_deserialization", {}), "made by 'keras.config'"),
        (called("keras.src.saving.serialization_lib", "enable_unsafe_deserialization", {}), "made by 'keras.src.sav"),
        (called("keras.models", "load_model", {"filepath": "/etc/passwd"}), "keras cannot open it"),
        (called("antigravity", "Fly", {}, "antigravity>Fly"), "made by 'antigravity'"),
        (called("kerasmed.tracking.__main__", "Sync", {}, "kerasmed>Sync"), "made by 'kerasmed.tracking.__main__'"),
        (called("kerasmed.cli", "main", {}, None), "made by 'kerasmed.cli'"),
    ],
)
def test_a_name_of_code_is_refused(node, said: str, refused, listener, tmp_path: Path) -> None:
    text = json.dumps(dense_made_by(node)).replace("URL", f"http://127.0.0.1:{listener.getsockname()[1]}/ran")
    assert said in refused(write_keras(tmp_path / "sent.keras", text))


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (sent.lambda_layer("open('ran', 'w')"), "can run code"),
        (layer("Lambda", "flat", "signal", [None, LENGTH, 1], function="exec"), "holds a Lambda"),
        (layer("TFSMLayer", "flat", "signal", [None, LENGTH, 1], filepath="/etc"), "holds a TFSMLayer"),
        (
            layer("TorchModuleWrapper", "flat", "signal", [None, LENGTH, 1],
                  module=base64.b64encode(pickle.dumps(print)).decode()),
            "holds a TorchModuleWrapper",
        ),
        (layer("StringLookup", "flat", "signal", [None, LENGTH, 1], vocabulary="/etc/passwd"), "holds a StringLookup"),
        (layer("StringLookup", "flat", "signal", [None, LENGTH, 1], vocabulary="URL"), "holds a StringLookup"),
        (layer("TextVectorization", "flat", "signal", [None, LENGTH, 1], vocabulary="URL"), "holds a TextVecto"),
    ],
    ids=["lambda", "named-lambda", "tfsm", "torch-pickle", "vocabulary-file", "vocabulary-url", "text-vocabulary"],
)  # fmt: skip
def test_a_layer_that_runs_code_or_reads_other_files_is_refused(inner, said, refused, listener, tmp_path: Path) -> None:
    text = json.dumps(network(inner)).replace("URL", f"http://127.0.0.1:{listener.getsockname()[1]}/ran")
    assert said in refused(write_keras(tmp_path / "sent.keras", text))


def shape_bomb(root) -> None:
    root.create_dataset("layers/dense/vars/0", shape=(200_000, 200_000), dtype="f4", chunks=(100, 100))


def promise(root) -> None:
    root.create_dataset("layers/dense/vars/0", shape=(10_000, 10_000), dtype="f4", chunks=(100, 100))


def elsewhere(root) -> None:
    root.create_dataset("layers/dense/vars/0", shape=(10,), dtype="u1", external=[("/etc/passwd", 0, 10)])


def external_link(root) -> None:
    import h5py

    root["layers/dense"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(root) -> None:
    import h5py

    root["layers/dense"] = h5py.SoftLink("/layers")


def virtual(root) -> None:
    import h5py

    layout = h5py.VirtualLayout(shape=(10,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(10,))
    root.create_virtual_dataset("layers/dense", layout)


def objects(root) -> None:
    root.create_dataset("layers/dense/vars/0", data=["text"])


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (shape_bomb, "declares more than 2000000000 bytes of weights"),
        (promise, "declares 400000000 bytes of weights and holds 0"),
        (elsewhere, "keeps weights in other files (/layers/dense/vars/0)"),
        (external_link, "a link to elsewhere (/layers/dense)"),
        (soft_link, "a link to elsewhere (/layers/dense)"),
        (virtual, "keeps weights in other files"),
        (objects, "among its weights"),
    ],
)
def test_weights_that_are_elsewhere_or_nowhere_are_refused(fill, said: str, refused, tmp_path: Path) -> None:
    assert said in refused(write_keras(tmp_path / "sent.keras", stored=hdf5(fill)))


def test_weights_that_are_no_hdf5_are_refused(refused, tmp_path: Path) -> None:
    assert "its weights are damaged" in refused(write_keras(tmp_path / "sent.keras", stored=pickle.dumps([1])))


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (network(FLAT, layer("Dense", "inner", "flat", [None, LENGTH], units=2_000_000_000)), "bytes of weights"),
        (network(FLAT, layer("Dense", "inner", "flat", [None, 2**20], units=2**20)), "bytes of weights"),
        (network(layer("Embedding", "flat", "signal", [None, LENGTH, 1], input_dim=10**9, output_dim=64)), "weights"),
        (network(layer("LSTM", "flat", "signal", [None, LENGTH, 1], units=10**6)), "bytes of weights"),
        (network(layer("Conv1D", "flat", "signal", [None, LENGTH, 1], filters=10**6, kernel_size=[10**6])), "weights"),
        (network(start=sent.entry([None, 1_000_000, 1_000_000, 3])), "values of a tensor"),
        (network(layer("Reshape", "flat", "signal", [None, LENGTH, 1], target_shape=[10**6, 10**6])), "of a tensor"),
        (network(*(layer("Activation", f"a{n}", "signal", [None, LENGTH, 1]) for n in range(5001))), "5000 layers"),
    ],
    ids=["units", "product", "embedding", "lstm", "conv", "input", "reshape", "layers"],
)  # fmt: skip
def test_a_network_that_declares_too_much_is_refused_before_it_is_built(tree, said, refused, tmp_path: Path) -> None:
    assert said in refused(write_keras(tmp_path / "sent.keras", tree))


def test_a_hundred_thousand_layers_are_refused(refused, tmp_path: Path) -> None:
    one = json.dumps(layer("Activation", "a", "signal", [None, LENGTH, 1]))
    text = json.dumps(network()).replace('"layers": [', '"layers": [' + ", ".join([one] * 100_000) + ", ")
    error = refused(write_keras(tmp_path / "sent.keras", text))
    assert "its config is larger than" in error or "its config is packed" in error


def test_a_config_that_is_nested_without_end_is_refused(refused, tmp_path: Path) -> None:
    assert "its config cannot be read" in refused(write_keras(tmp_path / "sent.keras", "[" * 100_000 + "]" * 100_000))


def test_a_network_that_hides_its_size_ends_its_own_process_alone(refused, tmp_path: Path) -> None:
    """Every declared shape is small; that of 4.8 GB comes out as the network runs, under a limit of 3."""
    tree = network(
        layer("UpSampling1D", "longer", "signal", [None, LENGTH, 1], size=10**8),
        layer("Conv1D", "conv", "longer", [None, LENGTH, 1], filters=1, kernel_size=[3], padding="same"),
        layer("GlobalAveragePooling1D", "mean", "conv", [None, LENGTH, 1]),
    )
    tree["config"]["layers"][-1].pop("build_config")  # else keras tells that it was built for another shape
    zeros = {"conv1d": [(3, 1, 1), (1,)], "dense": [(1, 5), (5,)]}
    stored = sent.weights({name: [np.zeros(shape, np.float32) for shape in shapes] for name, shapes in zeros.items()})
    error = refused(write_keras(tmp_path / "sent.keras", tree, stored), "--memory-limit", "3")
    assert "ended the process that ran it" in error
    assert "which had 3 GB of memory; --memory-limit gives it more" in error


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../x", "C:\\x", "..\\x", "assets/x", "x.py", "config.json/../x"],
)
def test_a_member_that_keras_does_not_write_is_refused(name: str, refused, tmp_path: Path) -> None:
    error = refused(write_keras(tmp_path / "sent.keras", extra={name: b"x"}))
    assert "which no .keras file of kerasmed does" in error


def test_a_name_that_ends_early_is_refused(refused, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "sent.keras", extra={"config.json?.py": b"{}"})
    path.write_bytes(path.read_bytes().replace(b"config.json?.py", b"config.json\x00.py"))
    assert "error: model.keras: " in refused(path)


def test_a_link_among_the_members_is_refused(refused, tmp_path: Path) -> None:
    path = tmp_path / "sent.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(sent.CONFIG, json.dumps(network()))
        archive.writestr(sent.link_member(sent.WEIGHTS), "/etc/passwd")
    assert "holds a link" in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(refused, tmp_path: Path) -> None:
    assert "holds a member twice" in refused(write_keras(tmp_path / "sent.keras", extra={sent.CONFIG: b"{}"}))


def test_more_members_than_a_model_has_are_refused(refused, tmp_path: Path) -> None:
    extra = {f"m{number}": b"" for number in range(10_000)}
    assert "which no .keras file of kerasmed does" in refused(write_keras(tmp_path / "sent.keras", extra=extra))


def test_a_config_of_400_megabytes_in_a_small_file_is_refused(refused, tmp_path: Path) -> None:
    path = tmp_path / "sent.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(sent.WEIGHTS, sent.weights())
        with archive.open(sent.CONFIG, "w") as member:
            for _ in range(100):
                member.write(b" " * (4 << 20))
    assert path.stat().st_size < 4 << 20
    assert "its config is larger than 33554432 bytes" in refused(path)


def test_weights_that_unpack_a_thousandfold_are_refused(refused, tmp_path: Path) -> None:
    assert "its weights are packed more than 100-fold" in refused(
        write_keras(tmp_path / "sent.keras", stored=bytes(200 << 20))
    )


def test_a_size_that_is_not_true_is_refused(refused, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "sent.keras")
    content = bytearray(path.read_bytes())
    place = content.rindex(sent.WEIGHTS.encode()) - 46  # the entry of the central directory
    assert content[place : place + 4] == b"PK\x01\x02"
    content[place + 24 : place + 28] = struct.pack("<I", 100)
    path.write_bytes(content)
    assert "is no complete .keras file" in refused(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, refused, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "sent.keras")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "is no complete .keras file" in refused(path)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_flipped_bit_is_refused_even_where_the_manifest_fits(share: float, refused, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "sent.keras")
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)
    assert "is no complete .keras file" in refused(path)


@pytest.mark.parametrize(
    "content", [b"\x89HDF\r\n\x1a\n" + bytes(2048), pickle.dumps({"a": 1}), b"PK\x03\x04" + bytes(60)]
)
def test_another_kind_of_file_under_the_name_is_refused(content: bytes, refused, tmp_path: Path) -> None:
    path = tmp_path / "sent.keras"
    path.write_bytes(content)
    assert "is no complete .keras file" in refused(path)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".pkl", ".pickle", ".joblib", ".pt", ".pth"])
def test_kinds_of_files_that_carry_code_are_never_opened(suffix: str, refused, tmp_path: Path) -> None:
    path = tmp_path / f"sent{suffix}"
    path.write_bytes(pickle.dumps(np.zeros(3)))
    assert "can carry code" in refused(path)
