"""The ImageNet weights of keras.applications: which file, from where, where it is kept."""

import contextlib
import sys
from pathlib import Path

from kerasmed.errors import DataError

FOLDER = "imagenet"
_STORE = "https://storage.googleapis.com/"
_NOTOP = "weights_tf_dim_ordering_tf_kernels_notop.h5"
# Name in keras.applications to address and MD5, from the sources of keras 3.15.
FILES = {
    "EfficientNetB0": (f"{_STORE}keras-applications/efficientnetb0_notop.h5", "50bc09e76180e00e4465e1a485ddc09d"),
    "ResNet50": (
        f"{_STORE}tensorflow/keras-applications/resnet/resnet50_{_NOTOP}", "4d473c1dd8becc155b73f8504c6f6626",
    ),
    "DenseNet121": (
        f"{_STORE}tensorflow/keras-applications/densenet/densenet121_{_NOTOP}", "30ee3e1110167f948a6b9946edeeb738",
    ),
    "VGG16": (f"{_STORE}tensorflow/keras-applications/vgg16/vgg16_{_NOTOP}", "6d6bbae143d832006294945121d1f1fc"),
}  # fmt: skip


def imagenet_file(name: str, cache: Path) -> Path:
    """The file of ImageNet weights of a network, downloaded by keras where it is not there yet.

    Args:
        name: In keras.applications.
        cache: Folder below which downloads are kept.

    Raises:
        DataError: It cannot be downloaded, or is not the one that keras knows.
    """
    import keras

    address, md5 = FILES[name]
    place = cache / FOLDER / address.rpartition("/")[2]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # keras draws a bar; ours is the output of a verb
            found = keras.utils.get_file(
                place.name, address, file_hash=md5, cache_dir=str(cache), cache_subdir=FOLDER, hash_algorithm="md5"
            )
    except Exception as error:  # keras raises no narrower one where an address cannot be reached
        raise DataError(
            place.name,
            f"ImageNet's weights of {name} cannot be downloaded ({' '.join(str(error).split())[:200]}).",
            f"Bring {address} to {place} by other means, or write model.weights=PATH or none.",
        ) from error
    return Path(found)
