#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""re2-differential.py COUNT SEED: writes cases for RE2DifferentialTests (needs google-re2 from PyPI).

One JSON array a line: pattern, whether RE2 takes it, and if so a list of [text, full match, global replacement by `<\\0>` or null].
Replacements are null where the expression matches nothing at all: what follows an empty match differs between RE2's interfaces.
"""
import json
import random
import sys

import re2

ATOMS = ["a", "b", "c", "x", "0", "/", "-", "_", " ", "é", "中", "\\.", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", ".", "[ab]",
         "[^a]", "[a-c]", "[^/]", "[\\d-]", "[[:alpha:]]", "[^[:digit:]x]", "[]a]", "[a-]", "[é-中]", "^", "$", "\\b", "\\B", "\\A",
         "\\z", "\\x41", "\\x{e9}", "\\n", "\\101", "(?i:a)", "(?i)b", "(?s:.)", "(?m:^a)", "(?m:a$)", "\\Qa.b\\E", "\\_"]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,1}", "{2,}", "{,2}", "{1", "{01}", "{0}"]
BAD = ["(", ")", "[", "]", "*", "\\", "\\1", "(?=a)", "(?<n>", "(?P<n>a)", "(?P<n-m>a)", "{1001}", "a**", "[z-a]", "(?", "(?z)", "[[:foo:]]",
       "\\q", "(?-)", "(?:)", "(?i-s:a)", "a|*", "^*", "|"]


def pattern(random, depth=0):
    parts = []
    for _ in range(random.randint(0 if depth else 1, 3)):
        kind = random.random()
        if kind < 0.16 and depth < 3:
            part = random.choice(["(", "(?:", "(?i:", "(?U:"]) + pattern(random, depth + 1) + ")"
        elif kind < 0.22:
            part = pattern(random, depth + 1) + "|" + pattern(random, depth + 1) if depth < 3 else "a|b"
        elif kind < 0.24:
            part = random.choice(BAD)
        else:
            part = random.choice(ATOMS)
        if random.random() < 0.3:
            part += random.choice(REPEATS)
        parts.append(part)
    return "".join(parts)


def text(random, source):
    # Half of the letters are of the expression itself, so that enough texts match.
    letters = "aabbcxABX01/-_. \né中Kſ"
    own = [c for c in source if c in letters] or ["a"]
    return "".join(random.choice(own if random.random() < 0.6 else letters) for _ in range(random.randint(0, 5)))


def main():
    count, rng = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    options = re2.Options()
    options.log_errors = False
    for _ in range(count):
        source = pattern(rng)
        try:
            expression = re2.compile(source, options)
        except re2.error:
            print(json.dumps([source, False, []], ensure_ascii=True))
            continue
        cases = []
        nullable = expression.fullmatch("") is not None or any(
            m.start() == m.end() for t in ("", "a", "ab", "/x", "\n") for m in expression.finditer(t))
        for _ in range(5):
            subject = text(rng, source)
            matched = expression.fullmatch(subject) is not None
            empty = nullable or any(m.start() == m.end() for m in expression.finditer(subject))
            replaced = None if empty else "".join(pieces(expression, subject))
            cases.append([subject, matched, replaced])
        print(json.dumps([source, True, cases], ensure_ascii=True))


def pieces(expression, subject):
    end = 0
    for match in expression.finditer(subject):
        yield subject[end:match.start()] + "<" + match.group() + ">"
        end = match.end()
    yield subject[end:]


main()
