#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Compares our YAML parser with PyYAML on mutated manifests; run by hand from the top of the repository.

    pip install pyyaml
    swift build --build-tests && Tests/ManifestTests/Fixtures/yaml-differential.py [seed [count]]

All scalars are compared as strings. Where the two differ it prints the text; what is known to differ (YAML 1.1 and 1.2) is
counted apart: docs/manifests.md lists it.
"""
import glob, json, os, random, subprocess, sys, tempfile
import yaml

SNIPPETS = [
    "a: 1\nb:\n  - c\n  - d: e\n    f: g\n", "- - a\n  - b\n- {c: d, e: [f, g]}\n", "a: |\n  x\n   y\n\n  z\nb: >-\n  x\n  y\n\n  z\n",
    "? a\n: b\n? c\n", "a: 'it''s'\nb: \"x\\ty\\\n  z\"\nc: plain text\n  more\n\n  last\n", "--- # c\na: &x {b: c}\nd: *x\n...\n---\n- e\n",
    "a:\n- b\n-\n  c: d\n- e: |+\n\n    f\n\n\ng: h\n", "{a: [1, 2, {b: c}], 'd': \"e\",\n f: g h,\n i}\n", "[a: b, c, [d], {e}]\n",
    "key with spaces: value # comment\n# whole line\nother: http://x/y#z\n", "!!str a: !!int 1\nb: !!map {c: d}\n",
]
ALPHABET = list("\n\n\n    --::??,,[]{}#&*!|>'\"%@`~ab01") + ["\n  ", "\n- ", ": ", "- ", " #", "\n\n", "  - "]


def mutate(rng, text):
    for _ in range(rng.randrange(0, 4)):
        i = rng.randrange(len(text) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            text = text[:i] + text[i + 1:]
        elif kind == 1:
            text = text[:i] + rng.choice(ALPHABET) + text[i:]
        elif kind == 2:
            j = min(len(text), i + rng.randrange(12))
            k = rng.randrange(len(text) + 1)
            text = text[:k] + text[i:j] + text[k:]
        else:
            lines = text.split("\n")
            k = rng.randrange(len(lines))
            lines[k] = " " * rng.randrange(3) + lines[k] if rng.randrange(2) else lines[k][1:]
            text = "\n".join(lines)
    return text


def plain(node):
    return {str(k): plain(v) for k, v in node.items()} if isinstance(node, dict) else \
        [plain(v) for v in node] if isinstance(node, list) else node


def theirs(text):
    try:
        return {"documents": [plain(d) if d is not None else "" for d in yaml.load_all(text, Loader=yaml.CBaseLoader)]}
    except Exception as error:  # PyYAML raises more than YAMLError on odd keys
        return {"error": str(error)}


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    rng = random.Random(seed)
    sources = SNIPPETS + [open(p).read() for p in glob.glob(os.path.join(os.path.dirname(__file__), "samples/*.yaml"))]
    with tempfile.TemporaryDirectory() as folder:
        cases = {}
        for number in range(count):
            source = rng.choice(sources if number % 8 == 0 else SNIPPETS)
            cases[f"{number:06}.yaml"] = mutate(rng, source)
        for name, text in cases.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        subprocess.run(
            ["swift", "test", "--skip-build", "--filter", "YAMLDifferentialTests"], check=True,
            env=os.environ | {"AMBIT_YAML_CASES": folder}, stdout=subprocess.DEVNULL)
        tally = {}
        for name, text in cases.items():
            ours, other = json.load(open(os.path.join(folder, name + ".json"))), theirs(text)
            if "error" in ours and "error" in other:
                kind = "both refuse"
            elif "error" in ours:
                kind = "only we refuse: " + ours["error"].split(": ", 1)[1].split(";")[0]
            elif "error" in other:
                kind = "only they refuse: " + other["error"].split("\n")[0] + " / " + other["error"].split("\n")[-2]
            elif ours == other:
                kind = "same"
            else:
                kind = "DIFFERENT"
            tally.setdefault(kind, []).append((text, ours, other))
        for kind, items in sorted(tally.items(), key=lambda item: -len(item[1])):
            print(f"{len(items):6} {kind}")
            if kind.startswith(("DIFF", "only")):
                for text, ours, other in sorted(items, key=lambda item: len(item[0]))[:int(os.environ.get("SHOW", "1"))]:
                    print("         ", repr(text), "\n           ours  ", ours, "\n           theirs", str(other)[:200])


main()
