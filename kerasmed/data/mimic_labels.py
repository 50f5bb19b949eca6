"""Labels of MIMIC-IV-ECG: what the statements of the machine say, by rules; and discharge diagnoses.

A statement is matched alone, in whatever report column it stands, since the first is not always a rhythm and may be a
warning of quality. The cart writes "infarct", where others write "myocardial infarction". A statement with a word of
doubt counts only where that is asked for, and one that denies never does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

NUM_REPORTS = 18
# "Not measurable", in the columns of measurements.
SENTINELS = frozenset({29999.0, 32767.0, -32767.0, -32768.0, 65535.0})


@dataclass(frozen=True)
class Rule:
    """When a statement gives a label.

    Attributes:
        label: Name of the class.
        says: What it must hold, in lower case.
        unless: What it must not hold besides.
    """

    label: str
    says: str
    unless: str = ""


RULES = (
    Rule("normal", r"\bnormal ecg\b|\bwithin normal limits\b", r"\b(abnormal|otherwise normal|borderline|except)\b"),
    Rule("sinus_rhythm", r"\bsinus (rhythm|tachycardia|bradycardia|arrhythmia)\b"),
    Rule("sinus_tachycardia", r"\bsinus tachycardia\b"),
    Rule("sinus_bradycardia", r"\bsinus bradycardia\b"),
    Rule("atrial_fibrillation", r"\batrial fibrillation\b|\ba-?fib\b"),
    Rule("atrial_flutter", r"\batrial flutter\b"),
    Rule("paced", r"\bpac(ed|ing|emaker)\b"),
    Rule("premature_atrial", r"\bpac'?(s|\(s\))?(?![a-z])|\b(premature atrial|atrial premature)\b"),
    Rule("premature_ventricular", r"\bpvc'?(s|\(s\))?(?![a-z])|\b(premature ventricular|ventricular premature)\b"),
    Rule("first_degree_av_block", r"\b(1st|first) degree a-?v block\b|\bprolonged p-?r interval\b"),
    Rule("left_bundle_branch_block", r"\bleft bundle branch block\b|\blbbb\b", r"\bincomplete\b"),
    Rule("right_bundle_branch_block", r"\bright bundle branch block\b|\brbbb\b", r"\bincomplete\b"),
    Rule("left_ventricular_hypertrophy", r"\bleft ventricular hypertrophy\b|\blvh\b"),
    Rule("infarct", r"\binfarct(s|ion)?\b|\bmyocardial infarction\b"),
    Rule("st_elevation", r"\bst[ -]?(segment )?elevation\b", r"\bnon-?st\b"),
    Rule("st_t_change", r"\bst-?t\b.*\b(change|abnormalit)|\bst (segment )?depression\b|\bt wave (change|abnormalit)"),
    Rule("long_qt", r"\b(prolonged|long) q-?tc?\b"),
)
CLASSES = tuple(rule.label for rule in RULES)
DOUBT = re.compile(
    r"\b(possible|possibly|probable|probably|consider|suggests?|suggestive|may be|might|questionable|suspect"
    r"|cannot (rule out|exclude)|can ?not rule out)\b|\?"
)
DENIAL = re.compile(r"\b(no|not|without|absent|absence of|replaced|ruled out)\b")
# "cannot rule out" is a doubt and no denial.
OF_DOUBT = re.compile(r"\bcan ?not (rule out|exclude)\b")
# Where the machine says that it did not read the record, its silence is no finding.
UNREAD = re.compile(
    r"\b(unsuitable for analysis|uninterpretable|all \d+ leads are missing|lead\(?s?\)? (reversal|reversed))"
)

_SAYS = tuple((re.compile(rule.says), re.compile(rule.unless) if rule.unless else None) for rule in RULES)
_ICD = re.compile(r"[A-Z]\d[0-9A-Z]{1,5}")
_ICD_LIST = re.compile(r"\[\s*(?:'[0-9A-Za-z.]*'(?:\s*,\s*'[0-9A-Za-z.]*')*)?\s*\]")
_ICD_ITEM = re.compile(r"'([0-9A-Za-z.]*)'")
ICD_LENGTHS = (3, 4, 5)


def label_statements(statements: Sequence[str], doubtful: bool = False) -> tuple[int, ...] | None:
    """Positions in `CLASSES` of what the statements of one record say; None where the machine says nothing of it.

    Args:
        statements: The report columns, empty ones among them.
        doubtful: Whether a doubtful statement counts.
    """
    spoken = [re.sub(r"\s+", " ", statement).strip(" *-.").lower() for statement in statements]
    spoken = [statement for statement in spoken if statement]
    if not spoken or any(UNREAD.search(statement) for statement in spoken):
        return None
    found: set[int] = set()
    for statement in spoken:
        certain = OF_DOUBT.sub("", statement)
        if DENIAL.search(certain) or (not doubtful and DOUBT.search(statement)):
            continue
        found.update(
            place
            for place, (says, unless) in enumerate(_SAYS)
            if says.search(statement) and not (unless and unless.search(statement))
        )
    return tuple(sorted(found))


def measurement(text: str) -> float:
    """A number of machine_measurements.csv; NaN where it is empty, no number, or stands for "not measurable"."""
    try:
        value = float(text)
    except ValueError:
        return nan
    return nan if value in SENTINELS or not isfinite(value) else value


def parse_icd_list(text: str) -> tuple[str, ...] | None:
    """Codes of a list such as "['I4891', 'I10']", in capitals and without dots; None where it is no such list."""
    if not _ICD_LIST.fullmatch(text.strip()):
        return None
    codes = (code.replace(".", "").upper() for code in _ICD_ITEM.findall(text))
    return tuple(dict.fromkeys(code for code in codes if _ICD.fullmatch(code)))


def with_ancestors(codes: Iterable[str]) -> tuple[str, ...]:
    """Codes of at most five characters and all their ancestors down to three: I2510 gives I25, I251 and I2510."""
    return tuple(dict.fromkeys(code[:length] for code in codes for length in ICD_LENGTHS if len(code) >= length))


def frequent(counts: Mapping[str, int], least: int) -> tuple[str, ...]:
    """The codes that at least `least` records have, sorted."""
    return tuple(sorted(code for code, count in counts.items() if count >= least))
