"""Parts of our HTML pages: the sheet, sections, tables, pictures, facts. No script, nothing fetched."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from kerasmed.evaluation.page_style import STYLE

DPI, CSS_DPI = 130, 96  # of our pictures, and of a browser's pixels
SHOWN = 50  # values of a list that a page shows before it is opened
DISCLAIMER = "For research use. Not a medical device: not for diagnosis or treatment."

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
<footer>{disclaimer}</footer>
</body>
</html>
"""


def sheet(title: str, sections: Iterable[str]) -> str:
    """A whole page of sections that are HTML already."""
    return _PAGE.format(title=escape(title), style=STYLE, body="\n".join(sections), disclaimer=DISCLAIMER)


def section(title: str, content: str) -> str:
    """A heading and what stands below it; nothing where nothing does."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content not in ("", "<dl></dl>") else ""


def pictures(plots: Mapping[str, Path]) -> str:
    """PNG files by title, put into the page."""
    figures = "".join(_picture(name, path) for name, path in plots.items())
    return f'<div class="pictures">{figures}</div>' if figures else ""


def _picture(title: str, path: Path) -> str:
    png, name = path.read_bytes(), escape(title)
    width = int.from_bytes(png[16:20]) * CSS_DPI // DPI  # the PNG's IHDR holds its width there, in pixels
    image = f'<img alt="{name}" width="{width}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
    return f"<figure><figcaption>{name}</figcaption>{image}</figure>"


def facts(tree: Mapping[str, Any]) -> str:
    """A nested mapping as nested lists of terms."""
    return (
        "<dl>"
        + "".join(f"<dt>{escape(str(name))}</dt><dd>{_fact(value)}</dd>" for name, value in tree.items())
        + "</dl>"
    )


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return facts(value)
    if isinstance(value, list | tuple):
        listed = ", ".join(_fact(each) for each in value)
        return f"<details><summary>{len(value):,}</summary>{listed}</details>" if len(value) > SHOWN else listed
    return escape(f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
