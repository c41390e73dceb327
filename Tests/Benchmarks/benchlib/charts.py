# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""One SVG chart per kind of contender: bars of the ratio to the baseline."""

from html import escape

from .report import KIND_TITLES, METRICS

#: What is drawn; the tables have the rest.
ROWS = {"rps.cpu_100k", "rps.p99_us", "rate.cpu_100k", "rate.p50_us", "connect.cpu_100k", "bulk1.cpu_gb", "bulk1r.cpu_gb",
        "bulk8.cpu_gb", "bulk8r.cpu_gb", "memory.idle_rss", "memory.conn_kib"}
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#9c6b4e", "#9498a0")
WIDTH, LABELS, BAR, GAP, LIMIT = 860, 330, 13, 10, 3.0


def _labels():
    """{key: a label that stands alone}; an indented one belongs to the row above it."""
    found, parent = {}, ""
    for key, label, _, _ in METRICS:
        if not label.startswith(" "):
            parent = label.split(",")[0].split(":")[0]
        found[key] = label if not label.startswith(" ") else f"{parent}: {label.strip()}"
    return found


def chart(kind, by_name, baseline):
    """The chart as text; None where nothing can be compared."""
    names = [baseline, *[n for n in by_name if n != baseline]]
    names = [n for n in names if by_name.get(n)]
    keys = [key for key, *_ in METRICS if key in ROWS and sum(
        by_name[n].get(key, {}).get("ratio") is not None for n in names) > 1]
    if baseline not in names or not keys:
        return None
    names = [n for n in names if any(by_name[n].get(key, {}).get("ratio") is not None for key in keys)]
    labels, scale = _labels(), (WIDTH - LABELS - 60) / LIMIT
    row = BAR * len(names) + GAP
    top = 62
    height = top + row * len(keys) + 12
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(KIND_TITLES[kind])}</text>']
    x = 10
    for i, name in enumerate(names):
        out.append(f'<rect x="{x}" y="32" width="11" height="11" fill="{COLOURS[i % len(COLOURS)]}"/>'
                   f'<text x="{x + 15}" y="42">{escape(name)}</text>')
        x += 32 + 7 * len(name)
    out.append(f'<text x="{WIDTH - 10}" y="42" text-anchor="end" fill="#666">ratio to {escape(baseline)}; less is better</text>')
    for i, key in enumerate(keys):
        y = top + i * row
        out.append(f'<text x="{LABELS - 8}" y="{y + (row - GAP) / 2 + 4}" text-anchor="end">{escape(labels[key])}</text>')
        for j, name in enumerate(names):
            ratio = by_name[name].get(key, {}).get("ratio")
            if ratio is None:
                continue
            width, at = min(ratio, LIMIT) * scale, y + j * BAR
            out.append(f'<rect x="{LABELS}" y="{at}" width="{width:.1f}" height="{BAR - 2}" fill="{COLOURS[j % len(COLOURS)]}"/>'
                       f'<text x="{LABELS + width + 4:.1f}" y="{at + BAR - 3}" font-size="10">{ratio:.2f}</text>')
    one = LABELS + scale
    out.append(f'<line x1="{one:.1f}" x2="{one:.1f}" y1="{top - 4}" y2="{height - 14}" stroke="#666" stroke-dasharray="3 3"/>')
    return "\n".join([*out, "</svg>"]) + "\n"


def write(result, stem):
    """Writes STEM-KIND.svg for each kind; the paths."""
    written = []
    for kind, by_name in result["summary"].items():
        text = chart(kind, by_name, result["meta"]["baselines"].get(kind))
        if text:
            path = stem.with_name(f"{stem.name}-{kind}.svg")
            path.write_text(text)
            written.append(path)
    return written
