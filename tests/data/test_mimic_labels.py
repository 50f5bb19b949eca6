from math import isnan

import pytest

from kerasmed.data.mimic_labels import (
    CLASSES,
    RULES,
    label_statements,
    measurement,
    parse_icd_list,
    with_ancestors,
)

STATEMENTS = [
    ("Sinus rhythm", "sinus_rhythm"),
    ("Sinus tachycardia", "sinus_rhythm sinus_tachycardia"),
    ("Sinus bradycardia with PACs", "sinus_rhythm sinus_bradycardia premature_atrial"),
    ("Sinus rhythm with PVC(s)", "sinus_rhythm premature_ventricular"),
    ("Normal ECG", "normal"),
    ("Normal ECG except for rate", ""),
    ("Otherwise normal ECG", ""),
    ("Borderline ECG", ""),
    ("Abnormal ECG", ""),
    ("Atrial fibrillation with rapid ventricular response", "atrial_fibrillation"),
    ("Atrial flutter", "atrial_flutter"),
    ("Ventricular premature complexes", "premature_ventricular"),
    ("Electronic ventricular pacemaker", "paced"),
    ("Pacemaker rhythm - no further analysis", ""),
    ("Atrial-paced rhythm", "paced"),
    ("1st degree A-V block", "first_degree_av_block"),
    ("Prolonged PR interval", "first_degree_av_block"),
    ("Left bundle branch block", "left_bundle_branch_block"),
    ("Incomplete left bundle branch block", ""),
    ("RBBB with left anterior fascicular block", "right_bundle_branch_block"),
    ("Incomplete RBBB", ""),
    ("Inferior infarct - age undetermined", "infarct"),
    ("Anterior myocardial infarction", "infarct"),
    ("Possible inferior infarct - age undetermined", ""),
    ("Cannot rule out anterior infarct - age undetermined", ""),
    ("No evidence of infarct", ""),
    ("Sinus rhythm has replaced atrial fibrillation", ""),
    ("Left ventricular hypertrophy", "left_ventricular_hypertrophy"),
    ("LVH with secondary ST-T abnormality", "left_ventricular_hypertrophy st_t_change"),
    ("Inferior ST elevation", "st_elevation"),
    ("Lateral ST-T changes", "st_t_change"),
    ("Nonspecific T wave abnormalities", "st_t_change"),
    ("Prolonged QT interval", "long_qt"),
    ("Impacted", ""),
]


@pytest.mark.parametrize(("statement", "labels"), STATEMENTS)
def test_a_statement_gives_its_labels(statement, labels):
    assert [CLASSES[place] for place in label_statements([statement])] == sorted(labels.split(), key=CLASSES.index)


def test_every_rule_has_a_statement_that_it_takes():
    assert {label for _, labels in STATEMENTS for label in labels.split()} == {rule.label for rule in RULES}


@pytest.mark.parametrize(
    "statement", ["Possible inferior infarct", "Cannot rule out anterior infarct", "Consider infarct", "?Old infarct"]
)
def test_doubt_counts_where_it_is_asked_for(statement):
    assert label_statements([statement]) == ()
    assert label_statements([statement], doubtful=True) == (CLASSES.index("infarct"),)


def test_all_columns_count_whatever_stands_in_the_first():
    said = ["--- Warning: Data quality may affect interpretation ---", "", "  Sinus   rhythm ", "Normal ECG", ""]
    assert label_statements(said) == (CLASSES.index("normal"), CLASSES.index("sinus_rhythm"))


@pytest.mark.parametrize(
    "said", [[], ["", ""], ["Sinus rhythm", "*** Unsuitable for analysis ***"], ["Lead(s) reversed"]]
)
def test_where_the_machine_did_not_read_there_is_no_label(said):
    assert label_statements(said) is None


@pytest.mark.parametrize("text", ["29999", "32767", "-32767", "-32768", "65535", "", "nan", "inf", "x"])
def test_what_cannot_be_measured_is_missing(text):
    assert isnan(measurement(text))


def test_a_measurement_is_a_number():
    assert measurement("659") == 659.0


def test_codes_are_read_from_a_list_and_nothing_else():
    assert parse_icd_list("['I4891', 'i25.10', 'I4891']") == ("I4891", "I2510")
    assert parse_icd_list("[]") == ()
    for text in ("", "I4891", "['I10'", "[__import__('os')]", "['I10', 5]", "('I10',)"):
        assert parse_icd_list(text) is None


def test_a_code_has_its_ancestors():
    assert with_ancestors(["I2510", "I10", "S72001A"]) == ("I25", "I251", "I2510", "I10", "S72", "S720", "S7200")
