# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Reading the Prometheus text format."""

import re
from typing import NamedTuple

_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?$")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")


class Sample(NamedTuple):
    name: str
    labels: dict
    value: float


class Metrics:
    """One scrape."""

    def __init__(self, text):
        self.text = text
        self.samples = [_parse(line) for line in text.splitlines() if line and not line.startswith("#")]

    def select(self, name, **labels):
        """The samples of a metric whose labels have these values."""
        return [sample for sample in self.samples
                if sample.name == name and all(sample.labels.get(key) == value for key, value in labels.items())]

    def total(self, name, **labels):
        """The sum over all that match; 0 when there is none."""
        return sum(sample.value for sample in self.select(name, **labels))


def _parse(line):
    match = _SAMPLE.match(line)
    assert match, f"not a line of the Prometheus text format: {line!r}"
    name, labels, value = match.groups()
    unescape = lambda text: _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)
    return Sample(name, {key: unescape(text) for key, text in _LABEL.findall(labels or "")}, float(value))
