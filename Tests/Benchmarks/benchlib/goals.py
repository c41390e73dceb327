# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Compares a result with goals.ini."""

import configparser
from statistics import median
from typing import NamedTuple, Optional


class Outcome(NamedTuple):
    name: str
    value: Optional[float]  # None: not measured in this run
    at_most: float
    aim: float

    @property
    def verdict(self):
        if self.value is None:
            return "not measured"
        return "MISSED" if self.value > self.at_most else "aim reached" if self.value <= self.aim else "met"


def read(path):
    ini = configparser.ConfigParser()
    ini.read(path)
    return [(name, ini[name]) for name in ini.sections()]


def _by_round(runs, contender, key):
    """{round: value}; a disturbed run counts only where that contender has no other of the test."""
    test, _, metric = key.partition(".")
    found = [r for r in runs if r["contender"] == contender and r["test"] == test and metric in r["metrics"]]
    quiet = [r for r in found if not r.get("disturbed")]
    return {r["round"]: r["metrics"][metric] for r in quiet or found}


def _value(goal, result, baselines):
    ours = _by_round(result["runs"], goal["contender"], goal["measure"])
    if not ours:
        return None
    if "divide" in goal:
        return median(ours.values()) / goal.getfloat("divide")
    kind = result["contenders"][goal["contender"]]["kind"]
    base = _by_round(result["runs"], baselines[kind], goal["measure"])
    if not base:
        return None
    floor = 0
    if "over" in goal:
        direct = _by_round(result["runs"], goal["over"], goal["measure"])
        if not direct:
            return None
        floor = median(direct.values())
    both = [i for i in ours if i in base and base[i] > floor]
    if both:
        return median((ours[i] - floor) / (base[i] - floor) for i in both)
    below = median(base.values()) - floor
    return (median(ours.values()) - floor) / below if below > 0 else None


def compare(goals, result):
    """An Outcome for each goal whose contender took part."""
    baselines = result["meta"]["baselines"]
    return [Outcome(name, _value(goal, result, baselines), goal.getfloat("at most"), goal.getfloat("aim"))
            for name, goal in goals if goal["contender"] in result["contenders"]]


def table(outcomes):
    """The comparison as text; its last line is `goals: N met, M missed`."""
    width = max((len(o.name) for o in outcomes), default=4)
    lines = [f"| {'goal'.ljust(width)} | value | at most |   aim |              |",
             f"|{'-' * (width + 2)}|-------|---------|-------|--------------|"]
    for o in outcomes:
        value = "" if o.value is None else f"{o.value:.2f}"
        lines.append(f"| {o.name.ljust(width)} | {value:>5} | {o.at_most:7.2f} | {o.aim:5.2f} | {o.verdict:12} |")
    missed = sum(o.verdict == "MISSED" for o in outcomes)
    met = sum(o.verdict in ("met", "aim reached") for o in outcomes)
    unmeasured = len(outcomes) - met - missed
    tail = f", {unmeasured} not measured" if unmeasured else ""
    return "\n".join([*lines, "", f"goals: {met} met, {missed} missed{tail}"]) + "\n"
