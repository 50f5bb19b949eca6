"""Size that a compressed picture inside a DICOM file states of itself, which its decoder believes rather than DICOM."""

# Markers of the start of a frame in JPEG (ITU-T T.81 B.2.2) and JPEG-LS (T.87 C.1.1), and of those without a length.
FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
BARE_MARKERS = {0x01, *range(0xD0, 0xD9)}
J2K_START = b"\xff\x4f\xff\x51"
JP2_BOX = b"\x00\x00\x00\x0cjP  "
JPEG_START = b"\xff\xd8"


def codestream_size(stream: bytes) -> tuple[int, int] | None:
    """Width and height in the header of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K stream; None where it has none."""
    if stream.startswith(JP2_BOX):
        stream = stream[max(0, stream.find(J2K_START)) :]
    if stream.startswith(J2K_START):
        right, bottom, left, top = (int.from_bytes(stream[at : at + 4]) for at in (8, 12, 16, 20))
        return (right - left, bottom - top) if len(stream) >= 24 else None
    return _jpeg_size(stream) if stream.startswith(JPEG_START) else None


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker in FRAME_MARKERS:
            return int.from_bytes(stream[at + 7 : at + 9]), int.from_bytes(stream[at + 5 : at + 7])
        if marker == 0xFF:
            at += 1
        elif marker in BARE_MARKERS:
            at += 2
        else:
            at += 2 + int.from_bytes(stream[at + 2 : at + 4])
    return None
