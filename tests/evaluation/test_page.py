import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol, Published
from kerasmed.evaluation.evaluate import evaluate
from kerasmed.evaluation.names import METRICS
from kerasmed.evaluation.page import render_page, write_page
from kerasmed.evaluation.plots import show_report
from kerasmed.spec import TargetSpec

SETTINGS = Evaluation(bootstrap=20)
ATTACK = "<img src=x onerror=alert(1)>\"'"


class Tags(HTMLParser):
    """Collects the tags of a page, and tells of one left open."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def parse(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    return tags


@pytest.fixture
def report(simulated, protocol):
    return evaluate(simulated, protocol, SETTINGS, 0)


def test_a_page_shows_every_metric_with_its_interval(report) -> None:
    page = render_page("run", report, {}, {})
    for name in report.metrics:
        assert METRICS[name].label in page
        assert f'<small class="name">{name}</small>' in page
    assert page.count('class="ends"') >= len(report.metrics)


def test_a_page_folds_the_names_of_many_records(report) -> None:
    assert "<details" not in render_page("run", report, {}, {"records": ["first", "second"]})
    page = render_page("run", report, {}, {"records": [f"record-{number}" for number in range(4448)]})
    assert "<details><summary>4,448</summary>record-0, record-1, " in page
    parse(page)


def test_a_page_says_what_a_reader_must_know(report) -> None:
    page = render_page("run", report, {}, {"backend": "jax", "versions": {"keras": "3.15.1"}})
    facts = (
        "Warning: records 201 and 202 are of one person",
        "Fitted on DS1, judged on DS2.",
        "Not a medical device",
        "only 12 patients",
        "Mar 2011",
        "IEEE TBME 58:2168",
        "3.15.1",
    )
    for fact in facts:
        assert fact in page


def test_a_page_is_whole_in_itself(report, simulated, tmp_path) -> None:
    write_page(tmp_path / "report.html", "run", report, show_report(report, simulated, tmp_path / "plots"), {})
    tags = parse((tmp_path / "report.html").read_text())
    images = [attributes["src"] for tag, attributes in tags.seen if tag == "img"]
    assert len(images) == 5
    assert all(source.startswith("data:image/png;base64,") for source in images)
    assert not [tag for tag, attributes in tags.seen if tag in ("script", "link", "iframe") or "href" in attributes]


def test_text_from_outside_is_shown_and_never_run(judged_from, confusion) -> None:
    """A record, a class, a fact or a published work may be named by anyone."""
    target = TargetSpec("single_label", ("N", "S", "V", "F", ATTACK))
    judged = judged_from(confusion, target=target)
    named = np.char.add(judged.groups, ATTACK)
    judged = replace(judged, groups=named, patients=named, ids=np.char.add(judged.ids, ATTACK))
    works = (Published(ATTACK, {ATTACK: 1.0}, ATTACK, ATTACK),)
    protocol = Protocol(ATTACK, ATTACK, badges=(ATTACK,), macro_classes=(ATTACK,), published=works)
    report = evaluate(judged, protocol, SETTINGS, 0, (ATTACK,), {ATTACK: [ATTACK, {ATTACK: ATTACK}]})
    page = render_page(ATTACK, report, {}, {ATTACK: {ATTACK: ATTACK}})
    assert "<img" not in page
    assert not [tag for tag, attributes in parse(page).seen if "onerror" in attributes]
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_undefined_values_are_shown_with_their_reason(judged_from, confusion, protocol) -> None:
    confusion[3] = 0
    page = render_page("run", evaluate(judged_from(confusion), protocol, SETTINGS, 0), {}, {})
    assert "undefined: no example of the class" in page
    assert not re.search(r"\bnan\b", page)


def test_a_page_of_several_labels_has_a_row_for_each(multi_label) -> None:
    report = evaluate(multi_label, Protocol("ptbxl", "PTB-XL."), SETTINGS, 0)
    page = render_page("run", report, {}, {})
    ((tn, fp), (fn, tp)) = report.confusion[1]
    assert f"<td><b>STTC</b></td><td>{tp}</td><td>{fn}</td><td>{fp}</td><td>{tn}</td>" in page
