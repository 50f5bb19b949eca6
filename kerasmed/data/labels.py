"""AAMI EC57 classes of MIT-BIH annotation symbols, as de Chazal et al. (IEEE TBME 51:1196, 2004) read the standard."""

from collections.abc import Mapping

import numpy as np

from kerasmed.data.records import Array

NO_CLASS = -1
# "·" is how some programs show N.
SYMBOLS: Mapping[str, tuple[str, ...]] = {
    "N": ("N", "·", "L", "R", "e", "j"),
    "S": ("A", "a", "J", "S"),
    "V": ("V", "E"),
    "F": ("F",),
    "Q": ("/", "f", "Q"),
}
CLASSES = tuple(SYMBOLS)
# Others move e and j to S, or f to F, or leave Q out; their results are not results on these classes.
VARIANT = "AAMI EC57, five classes: e and j are N, f is Q, the flutter wave ! is no beat"
# Beats of other databases that have no place in the five classes; they still are part of the rhythm.
UNCLASSED_BEATS = ("B", "r", "n", "?")
CLASS_OF = {symbol: number for number, symbols in enumerate(SYMBOLS.values()) for symbol in symbols}
BEAT_SYMBOLS = (*CLASS_OF, *UNCLASSED_BEATS)


def classes_of(symbols: Array) -> Array:
    """The class of each annotation.

    Args:
        symbols: str (n,), MIT annotation symbols.

    Returns:
        int8 (n,): position in `CLASSES`; `NO_CLASS` for every symbol that is none of theirs ("+", "~", "!", ...).
    """
    known, position = np.unique(symbols, return_inverse=True)
    numbers = np.array([CLASS_OF.get(str(symbol), NO_CLASS) for symbol in known], dtype=np.int8)
    return numbers[position]
