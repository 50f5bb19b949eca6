"""Saved models without a network in them, for what reads and moves their folders."""

from pathlib import Path

from kerasmed import files
from kerasmed.versions import LAYOUT, LOCK, MANIFEST, SPEC, next_version
from tests.fakes.networks import hard_spec


def write_version(target: Path, name: str = "beats", **facts: object) -> Path:
    """Publish the next version of `name` as an export does: under the lock, by a rename; the folder."""
    root = target / name
    with files.locked(root / LOCK):
        files.sweep(root)
        folder = root / str(next_version(root))
        with files.committed_folder(folder) as beside:
            (beside / "model.keras").write_bytes(b"weights" * 100)
            (beside / "variables").mkdir()
            (beside / "variables" / "variables.index").write_bytes(b"index")
            files.write_json(beside / SPEC, hard_spec().to_json())
            manifest = {
                "layout": LAYOUT,
                "name": name,
                "version": int(folder.name),
                "created": "2026-11-26T04:00:00+00:00",
                "formats": ["keras"],
                "source": {"run": "beats-20261126", "git": {"commit": "c0ffee", "changed": False}},
                "written": {"keras": {"max_abs_difference": 1e-7, "bytes": 700, "batch": "free"}},
                **facts,
            }
            files.write_json(beside / MANIFEST, {**manifest, "files": files.hash_folder(beside)})
    return folder
