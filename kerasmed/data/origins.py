"""Where public databases come from: licence, whom to cite, and how to get the files."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """What a user of a database must know before the first record.

    Attributes:
        licence: Its terms, in short.
        citation: Whom to cite.
        access: How to get the files.
    """

    licence: str
    citation: str
    access: str


ORIGINS: Mapping[str, Origin] = {
    "mitbih": Origin(
        "ODC-BY 1.0",
        "Moody and Mark, IEEE Eng Med Biol 20:45, 2001, doi:10.1109/51.932724",
        "open: kerasmed data download mitbih",
    ),
    "ptbxl": Origin(
        "CC BY 4.0",
        "Wagner et al., Sci Data 7:154, 2020, doi:10.1038/s41597-020-0495-6",
        "open: kerasmed data download ptbxl",
    ),
    "cpsc2018": Origin(
        "CC BY 4.0",
        "Liu et al., J. Med. Imaging Health Inform. 8:1368, 2018, doi:10.1166/jmihi.2018.2442",
        "open: training/cpsc_2018 of https://physionet.org/content/challenge-2020/1.0.2/ with REFERENCE.csv of the "
        "challenge beside it, or the challenge's own .mat files",
    ),
    "icentia11k": Origin(
        "CC BY-NC-SA 4.0: not for commercial use",
        "Tan et al., arXiv:1910.09570, 2019",
        "open, about 200 GB in use: kerasmed data download icentia11k (any part of p00 to p10 works)",
    ),
    "mimic_iv_ecg": Origin(
        "ODbL 1.0",
        "Gow et al., MIMIC-IV-ECG 1.0, PhysioNet 2023, doi:10.13026/4nqg-sb35; for dataset.labels=icd also "
        "Strodthoff et al., Eur Heart J Digit Health 2024, doi:10.1093/ehjdh/ztae039",
        "kerasmed data download mimic_iv_ecg (about 96 GB); diagnoses are credentialed: ask for "
        "records_w_diag_icd10.csv at https://physionet.org/content/mimic-iv-ecg-ext-icd-labels/1.0.1/",
    ),
}
# Kind of a dataset to its database.
DATABASE_OF: Mapping[str, str] = {
    "mitbih_beats": "mitbih",
    "ptbxl": "ptbxl",
    "cpsc2018": "cpsc2018",
    "icentia11k_beats": "icentia11k",
    "icentia11k_rhythm": "icentia11k",
    "mimic_iv_ecg": "mimic_iv_ecg",
}


def origin_of(name: str) -> Origin | None:
    """The origin of a database, or of the database of a dataset kind; None where there is no public one."""
    return ORIGINS.get(DATABASE_OF.get(name, name))
