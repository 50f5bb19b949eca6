"""Simulated knees in sagittal 3-D MRI, normal or abnormal, as the two large `.npy` files of OAI-MRI-3DDESS.

The recipe, in units of half the volume around its middle, for a right knee (a left one is its mirror image): a limb
with a rim of fat; femur with two condyles, tibia and, on the outer side, the fibula, all dark; cartilage around the
condyles and on the plateau, bright; a meniscus, black, between them; a little fluid above the patella, brightest. In an
abnormal knee the inner cartilage is thin, a lesion shines in the inner condyle, and there is more fluid: each by a
severity that grows from visit to visit. Every knee has a size, place and turn of its own, every scan a gain, a bias
field and noise.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasmed.data.records import Array
from kerasmed.data.simulate.out_folder import require_own_folder
from kerasmed.errors import ConfigError
from kerasmed.files import committed_folder, write_text

FILES = {"normal": "normal-3DESS-128-64.npy", "abnormal": "abnormal-3DESS-128-64.npy"}
TABLE = "knees.csv"
MUSCLE, FAT, BONE, CARTILAGE, MENISCUS, FLUID, LESION = 0.35, 0.6, 0.2, 0.75, 0.05, 1.0, 0.55
THICKNESS = 0.1
GAIN, NOISE, BIAS = 400.0, 0.04, 0.15
_OURS = re.compile(r"(ab)?normal-3DESS-128-64\.npy|knees\.csv")


@dataclass(frozen=True)
class Knee:
    """One scan of one knee.

    Attributes:
        patient: Number of the person, from 0.
        left: Whether it is the left knee.
        visit: 0 or 1.
        abnormal: Its class, the same at each visit.
    """

    patient: int
    left: bool
    visit: int
    abnormal: bool


def simulate_knee_volumes(folder: Path, *, num_patients: int = 12, edge: int = 64, seed: int = 0) -> int:
    """Write both knees of simulated people; half of them come twice.

    Two `.npy` files, uint16 (n, edge, edge, edge / 2) with the slices last, and `knees.csv` with the patient, the side
    and the visit of each volume. Equal arguments give byte-identical files.

    Args:
        folder: To be made, or to be replaced where it holds nothing but an earlier simulation.
        num_patients: Number of people.
        edge: Height and width of a slice in voxels; there are half as many slices.
        seed: Of everything drawn.

    Returns:
        The number of volumes.

    Raises:
        ConfigError: A number is out of range, or the folder holds other files.
    """
    _check(folder, num_patients, edge, seed)
    rows = ["volume,patient,side,visit"]
    with committed_folder(folder) as beside:
        for name, file in FILES.items():
            knees = [knee for knee in _knees(num_patients) if knee.abnormal == (name == "abnormal")]
            shape = (len(knees), edge, edge, edge // 2)
            volumes = np.lib.format.open_memmap(beside / file, "w+", np.uint16, shape)
            for place, knee in enumerate(knees):
                volumes[place] = draw_knee(knee, edge, seed).transpose(1, 2, 0)
                side = "L" if knee.left else "R"
                rows.append(f"{Path(file).stem}:{place},P{knee.patient + 1:03d},{side},{knee.visit}")
            volumes.flush()
        write_text(beside / TABLE, "\n".join(rows) + "\n")
    return len(rows) - 1


def draw_knee(knee: Knee, edge: int, seed: int) -> Array:
    """uint16 (edge / 2, edge, edge): sagittal slices from the patient's right to left, head up, front to back."""
    own = np.random.default_rng([seed, knee.patient, knee.left])
    scan = np.random.default_rng([seed, knee.patient, knee.left, 1 + knee.visit])
    severity = knee.abnormal * min(1.0, own.uniform(0.4, 0.9) + 0.15 * knee.visit)
    places = _places(edge, own, scan)
    bright = _tissue(places, own, severity)
    wave = scan.uniform(-1, 1, (3, 1, 1, 1)) * np.pi / 2
    bright = bright * (1 + BIAS * np.sin((places * wave).sum(axis=0) + scan.uniform(0, np.pi)))
    bright = bright + scan.normal(0, NOISE, bright.shape)
    stored: Array = np.clip(GAIN * scan.uniform(0.7, 1.3) * bright, 0, 65535).astype(np.uint16)
    return np.flip(stored, 0) if knee.left else stored


def _check(folder: Path, num_patients: int, edge: int, seed: int) -> None:
    ranges: list[tuple[str, int, int, int]] = [
        ("num_patients", num_patients, 2, 10_000),
        ("edge", edge, 16, 256),
        ("seed", seed, 0, 2**63 - 1),
    ]
    for name, value, least, most in ranges:
        if not least <= value <= most:
            raise ConfigError(f"{name}={value}: write a number from {least} to {most}.")
    if edge % 2:
        raise ConfigError(f"edge={edge}: write an even number.")
    require_own_folder(folder, _OURS, "volumes")


def _knees(num_patients: int) -> Iterator[Knee]:
    """Both knees of everyone: a class for either side and the number of visits, each independent of the others."""
    for patient in range(num_patients):
        for left in (False, True):
            abnormal = bool((patient // 4 if left else patient) % 2)
            for visit in range(1 + patient // 2 % 2):
                yield Knee(patient, left, visit, abnormal)


def _places(edge: int, own: np.random.Generator, scan: np.random.Generator) -> Array:
    """Float (3, edge / 2, edge, edge): across from outside to inside, down, and back, within the knee."""
    axes = (np.linspace(-1, 1, edge // 2), np.linspace(-1, 1, edge), np.linspace(-1, 1, edge))
    across, down, back = np.meshgrid(*axes, indexing="ij")
    bend = own.uniform(-0.15, 0.15) + scan.uniform(-0.05, 0.05)
    down, back = np.cos(bend) * down - np.sin(bend) * back, np.sin(bend) * down + np.cos(bend) * back
    shift = own.uniform(-0.06, 0.06, (3, 1, 1, 1)) + scan.uniform(-0.03, 0.03, (3, 1, 1, 1))
    found: Array = (np.stack([across, down, back]) + shift) / own.uniform(0.92, 1.08, (3, 1, 1, 1))
    return found


def _tissue(places: Array, own: np.random.Generator, severity: float) -> Array:
    """Brightness of each place; what is drawn later lies over what was drawn before."""
    across, down, back = places
    limb = np.hypot(across / 0.95, back / 0.9)
    bright = np.where(limb < 1, np.where(limb > 0.86, FAT, MUSCLE), 0.0)
    inner = across > 0
    thickness = THICKNESS * np.where(inner, 1 - severity * own.uniform(0.6, 0.95), 1.0)
    plateau = 0.22
    # How far outside the condyles a place lies; their middles are at both sides of the notch.
    round_ends = np.sqrt(((np.abs(across) - 0.4) / 0.36) ** 2 + ((down + 0.16) / 0.3) ** 2 + ((back - 0.05) / 0.5) ** 2)
    outside = (round_ends - 1) * 0.33
    on_tibia = (np.hypot(across / 0.8, back / 0.58) < 1) & (down > plateau - thickness)
    bright = np.where((outside < thickness) & (down > -0.25), CARTILAGE, bright)
    bright = np.where(on_tibia & (down < plateau), CARTILAGE, bright)
    ring = np.hypot((np.abs(across) - 0.4) / 0.3, back / 0.45)
    bright = np.where((ring > 0.8) & (ring < 1.1) & (down > plateau - 0.14) & (down < plateau - 0.04), MENISCUS, bright)
    femur = (outside < 0) | ((np.hypot(across / 0.4, back / 0.36) < 1) & (down < -0.2))
    tibia = (down > plateau) & (np.hypot(across / 0.8, back / 0.58) < 1.05 - 0.55 * np.clip(down - plateau, 0, 0.8))
    fibula = (np.hypot((across + 0.68) / 0.16, (back - 0.5) / 0.16) < 1) & (down > 0.4)
    bright = np.where(femur | tibia | fibula, BONE, bright)
    fluid = 0.1 + 0.12 * own.uniform() + 0.22 * severity
    pool = np.sqrt((across / 1.6) ** 2 + ((down + 0.45) / 1.4) ** 2 + ((back + 0.6) / 0.7) ** 2) < fluid
    bright = np.where(pool & (limb < 1), FLUID, bright)
    lesion = np.sqrt((across - 0.4) ** 2 + (down + own.uniform(0.08, 0.2)) ** 2 + (back - own.uniform(-0.1, 0.2)) ** 2)
    found: Array = np.where(lesion < 0.22 * severity, LESION, bright)
    return found
