"""Hashes by which a picture is known again after it was resized or compressed anew, and groups of such pictures."""

import numpy as np

from kerasmed.data.records import Array
from kerasmed.data.resize import shrink

SIDE = 16
NUM_WORDS = SIDE * SIDE // 64
BLOCK = 512
# Chest radiographs resized eightfold and compressed anew differ in at most 7 of 256 bits, those of two people in 15 or
# more (docs/decisions/0028).
NEAR_BITS = 12


def picture_hash(pixels: Array) -> Array:
    """uint64 (4,): for each of 16 x 16 places whether the picture grows brighter to the right (a difference hash).

    Args:
        pixels: uint8 or uint16 (height, width).
    """
    small = shrink(pixels, SIDE, SIDE + 1).astype(np.int32)
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    words: Array = np.frombuffer(bits.tobytes(), ">u8").astype(np.uint64)
    return words


def near_pairs(hashes: Array, most_bits: int) -> Array:
    """int64 (pairs, 2), each pair of rows once, ascending, whose hashes differ in at most `most_bits` bits.

    Args:
        hashes: uint64 (n, 4).
        most_bits: Of 256.
    """
    found = []
    for start in range(0, len(hashes), BLOCK):
        block, rest = hashes[start : start + BLOCK], hashes[start:]
        apart = np.zeros((len(block), len(rest)), np.uint16)
        for word in range(hashes.shape[1]):
            apart += np.bitwise_count(block[:, None, word] ^ rest[None, :, word])
        first, second = np.nonzero(apart <= most_bits)
        keep = second > first
        found.append(np.stack([first[keep], second[keep]], axis=1) + start)
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def connect(num_rows: int, *relations: Array) -> Array:
    """int64 (num_rows,): a number for each set of rows that are related, directly or over others.

    Args:
        num_rows: How many rows there are.
        relations: Pairs, int64 (m, 2), or names, (num_rows,), where equal ones are related and "" is to nothing.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = [relation if relation.ndim == 2 else _same_name(relation) for relation in relations]
    joined = np.concatenate([np.zeros((0, 2), np.int64), *pairs])
    graph = coo_matrix((np.ones(len(joined), np.int8), (joined[:, 0], joined[:, 1])), (num_rows, num_rows))
    numbers: Array = connected_components(graph, directed=False)[1].astype(np.int64)
    return numbers


def _same_name(names: Array) -> Array:
    rows = np.flatnonzero(names != "")
    _, first, place = np.unique(names[rows], return_index=True, return_inverse=True)
    return np.stack([rows[first][place], rows], axis=1)
