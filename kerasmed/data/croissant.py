"""A prepared set described in Croissant 1.0 (mlcommons.org/croissant/1.0): JSON-LD without records and patients."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasmed.data.dataset import Splits
from kerasmed.data.origins import Origin
from kerasmed.data.prepared import Prepared
from kerasmed.data.records import Array
from kerasmed.data.splits import PARTS
from kerasmed.errors import ConfigError
from kerasmed.spec import ArraySpec, TargetSpec

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
EXAMPLES, INPUTS, SPLITS = "examples", "inputs", "splits"
TABLE = "examples.csv"
VERSION = "1.0.0"
SPLIT_KINDS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
LICENCES = {
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-NC-SA 4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "ODC-BY 1.0": "https://opendatacommons.org/licenses/by/1-0/",
    "ODbL 1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
}
# The context that the specification gives; a checker compares it name by name.
CONTEXT: Mapping[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "extract": "cr:extract", "field": "cr:field", "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty", "isLiveDataset": "cr:isLiveDataset", "key": "cr:key",
    "recordSet": "cr:recordSet", "references": "cr:references", "sc": "https://schema.org/", "source": "cr:source",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "samplingRate": "cr:samplingRate", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "jsonPath": "cr:jsonPath", "md5": "cr:md5", "parentField": "cr:parentField",
    "path": "cr:path", "rai": "http://mlcommons.org/croissant/RAI/", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "separator": "cr:separator", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip


@dataclass(frozen=True)
class About:
    """What a description says besides the data.

    Attributes:
        name: Of the set.
        licence: An address.
        citation: Whom to cite.
        url: Where the set comes from.
        creator: Who made it.
        published: Date in ISO 8601.
    """

    name: str
    licence: str
    citation: str
    url: str
    creator: str
    published: str


def about(name: str, origin: Origin | None, given: Mapping[str, str], today: str) -> About:
    """What is known of a public database, under what is `given` (licence, citation, url, creator, published).

    Raises:
        ConfigError: Something is neither known nor given.
    """
    known = {"name": name, "published": today} | ({} if origin is None else _of_origin(origin))
    found = {**known, **{key: value for key, value in given.items() if value}}
    missing = [key for key in ("licence", "citation", "url", "creator") if not found.get(key)]
    if missing:
        options = " ".join(f"--{key} ..." for key in missing)
        raise ConfigError(f"{name}: nobody knows its {', '.join(missing)}; say {options}.")
    return About(**found)


def table_of(prepared: Prepared, splits: Splits) -> str:
    """CSV: the row of each example, its part ("" where it is in none), and its class or a 0 or 1 for each class."""
    part = np.full(len(prepared), "", dtype="<U10")
    for name, rows in zip(PARTS, (splits.train, splits.validation, splits.test), strict=True):
        part[rows] = name
    columns = [np.arange(len(prepared)), part]
    for name, target in prepared.spec.targets.items():
        columns += _label_columns(np.asarray(prepared.index[name]), target)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "split", *_label_names(prepared)])
    writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    return text.getvalue()


def describe(prepared: Prepared, splits: Splits, told: About, table: Mapping[str, str | int]) -> dict[str, Any]:
    """The JSON-LD tree.

    Args:
        prepared: The set, whose arrays are named by their places below its folder.
        splits: Which example serves what.
        told: What is said besides.
        table: "sha256" and "bytes" of the file that `table_of` gives.
    """
    counts = {name: len(rows) for name, rows in zip(PARTS, (splits.train, splits.validation, splits.test), strict=True)}
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": told.name,
        "description": f"{len(prepared):,} examples ({parts}), prepared by kerasmed from files whose fingerprint is "
        f"{prepared.fingerprint}.",
        "license": told.licence,
        "url": told.url,
        "citeAs": told.citation,
        "creator": {"@type": "sc:Organization", "name": told.creator},
        "datePublished": told.published,
        "version": VERSION,
        "isLiveDataset": False,
        "distribution": [_file(TABLE, "text/csv", table), *(_array(prepared, name) for name in prepared.spec.inputs)],
        "recordSet": [_splits(), *_classes(prepared), _inputs(prepared), _examples(prepared)],
    }


def _of_origin(origin: Origin) -> dict[str, str]:
    doi, arxiv = (re.search(rf"{kind}:([^\s;,]+)", origin.citation) for kind in ("doi", "arXiv"))
    url = f"https://doi.org/{doi.group(1)}" if doi else f"https://arxiv.org/abs/{arxiv.group(1)}" if arxiv else ""
    licence = LICENCES.get(origin.licence.partition(":")[0], "")
    return {"licence": licence, "citation": origin.citation, "url": url, "creator": origin.citation.partition(",")[0]}


def _file(name: str, kind: str, facts: Mapping[str, str | int], told: str = "") -> dict[str, Any]:
    return {
        "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "encodingFormat": kind,
        "contentSize": f"{facts['bytes']} B", "sha256": facts["sha256"], **({"description": told} if told else {}),
    }  # fmt: skip


def _array(prepared: Prepared, name: str) -> dict[str, Any]:
    place = f"arrays/{name}.npy"
    facts = {"bytes": (prepared.folder / place).stat().st_size, "sha256": prepared.manifest["files"][place]}
    return _file(place, "application/x-npy", facts, _in_words(prepared.spec.inputs[name], len(prepared)))


def _in_words(array: ArraySpec, count: int) -> str:
    axes = " x ".join("?" if size is None else str(size) for size in (count, *array.shape))
    told = [f"numpy array of {array.dtype}, {axes}", f"physical value = stored * {array.scale:g} {array.unit}"]
    told += [f"{array.rate_hz:g} Hz along the second axis"] if array.rate_hz else []
    told += [f"last axis: {', '.join(array.channels)}"] if array.channels else []
    return "; ".join(told)


def _splits() -> dict[str, Any]:
    names = [{f"{SPLITS}/name": name, f"{SPLITS}/url": kind} for name, kind in SPLIT_KINDS.items()]
    fields = [_field(f"{SPLITS}/name", "sc:Text"), _field(f"{SPLITS}/url", "sc:URL")]
    return _record_set(SPLITS, "What the parts are for.", fields, key=f"{SPLITS}/name", kind="cr:Split", data=names)


def _classes(prepared: Prepared) -> list[dict[str, Any]]:
    sets = []
    for name, target in prepared.spec.targets.items():
        if target.task == "single_label":
            place = f"classes_of_{name}"
            data = [{f"{place}/name": known} for known in target.classes]
            fields = [_field(f"{place}/name", "sc:Text")]
            sets.append(
                _record_set(
                    place, "Classes, in the order of their numbers.", fields, key=f"{place}/name",
                    kind="sc:Enumeration", data=data,
                )
            )  # fmt: skip
    return sets


def _inputs(prepared: Prepared) -> dict[str, Any]:
    fields = []
    for name, array in prepared.spec.inputs.items():
        source = {"fileObject": {"@id": f"arrays/{name}.npy"}, "extract": {"fileProperty": "content"}}
        told = _in_words(array, len(prepared))
        fields.append(_field(f"{INPUTS}/{name}", "sc:Text", told, source=source))
    return _record_set(INPUTS, "Arrays whose first axis is the row of an example.", fields)


def _examples(prepared: Prepared) -> dict[str, Any]:
    fields = [
        _field(f"{EXAMPLES}/row", "sc:Integer", "place along the first axis of the arrays", source=_column("row")),
        _field(
            f"{EXAMPLES}/split", ["sc:Text", "cr:Split"], "what the example serves", source=_column("split"),
            references={"field": {"@id": f"{SPLITS}/name"}},
        ),
    ]  # fmt: skip
    for name, target in prepared.spec.targets.items():
        if target.task == "single_label":
            references = {"field": {"@id": f"classes_of_{name}/name"}}
            told = "class of the example"
            fields.append(_field(f"{EXAMPLES}/{name}", "sc:Text", told, source=_column(name), references=references))
        else:
            told = "1 where the example has the label, else 0"
            fields += [
                _field(f"{EXAMPLES}/{column}", "sc:Integer", told, source=_column(column))
                for column in _names_of(name, target)
            ]
    return _record_set(EXAMPLES, "A row for each example.", fields, key=f"{EXAMPLES}/row")


def _record_set(
    name: str, told: str, fields: list[dict[str, Any]], key: str = "", kind: str = "", data: list[Any] | None = None
) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet", "@id": name, "name": name, "description": told,
        **({"key": {"@id": key}} if key else {}), **({"dataType": kind} if kind else {}), "field": fields,
        **({"data": data} if data is not None else {}),
    }  # fmt: skip


def _field(place: str, kind: str | list[str], told: str = "", **links: Any) -> dict[str, Any]:
    described = {"description": told} if told else {}
    return {"@type": "cr:Field", "@id": place, "name": place, **described, "dataType": kind, **links}


def _column(name: str) -> dict[str, Any]:
    return {"fileObject": {"@id": TABLE}, "extract": {"column": name}}


def _label_names(prepared: Prepared) -> list[str]:
    return [column for name, target in prepared.spec.targets.items() for column in _names_of(name, target)]


def _names_of(name: str, target: TargetSpec) -> list[str]:
    return [name] if target.task == "single_label" else [f"{name}_{known}" for known in target.classes]


def _label_columns(labels: Array, target: TargetSpec) -> list[Array]:
    return [np.array(target.classes)[labels]] if target.task == "single_label" else list(labels.T)
