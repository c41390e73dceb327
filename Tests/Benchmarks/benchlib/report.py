# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""From single measurements to medians, ratios against a baseline, and tables."""

from statistics import median

# key, label, decimals, which direction is better.  A key is "test.metric".
METRICS = [
    ("rps.rps", "requests/s, 64 connections, 1 KiB", 0, "higher"),
    ("rps.p50_us", "  p50 under that load, us", 0, "lower"),
    ("rps.p99_us", "  p99 under that load, us", 0, "lower"),
    ("rps.cpu_100k", "  CPU-s per 100k requests", 2, "lower"),
    ("rps.cpu_100k.client", "    of which client side", 2, "lower"),
    ("rps.cpu_100k.waypoint", "    of which waypoint", 2, "lower"),
    ("rps.cpu_100k.server", "    of which server side", 2, "lower"),
    ("rate.p50_us", "1000 requests/s: p50, us", 0, "lower"),
    ("rate.p99_us", "  p99, us", 0, "lower"),
    ("rate.p999_us", "  p99.9, us", 0, "lower"),
    ("rate.cpu_100k", "  CPU-s per 100k requests", 2, "lower"),
    ("connect.conn_s", "new connections/s, 1 request each", 0, "higher"),
    ("connect.p99_us", "  p99 under that load, us", 0, "lower"),
    ("connect.cpu_100k", "  CPU-s per 100k connections", 2, "lower"),
    ("large.gb_s", "64 KiB responses, 16 connections, GB/s", 3, "higher"),
    ("large.cpu_gb", "  CPU-s per GB", 3, "lower"),
    ("bulk1.gb_s", "iperf3, 1 stream, GB/s", 3, "higher"),
    ("bulk1.cpu_gb", "  CPU-s per GB", 3, "lower"),
    ("bulk1r.gb_s", "iperf3, 1 stream, reverse, GB/s", 3, "higher"),
    ("bulk1r.cpu_gb", "  CPU-s per GB", 3, "lower"),
    ("bulk8.gb_s", "iperf3, 8 streams, GB/s", 3, "higher"),
    ("bulk8.cpu_gb", "  CPU-s per GB", 3, "lower"),
    ("bulk8.busiest", "  share of the busiest thread of a side", 2, "lower"),
    ("bulk8.loaded_rss", "  RSS, MiB", 1, "lower"),
    ("bulk8.loaded_pss", "  PSS, MiB", 1, "lower"),
    ("bulk8r.gb_s", "iperf3, 8 streams, reverse, GB/s", 3, "higher"),
    ("bulk8r.cpu_gb", "  CPU-s per GB", 3, "lower"),
    ("memory.idle_rss", "RSS after start, MiB", 1, "lower"),
    ("memory.idle_pss", "  PSS", 1, "lower"),
    ("memory.idle_anon", "  anonymous", 1, "lower"),
    ("rps.loaded_rss", "RSS under load (64 connections), MiB", 1, "lower"),
    ("rps.loaded_pss", "  PSS", 1, "lower"),
    ("memory.held1000_rss", "RSS with 1000 idle connections, MiB", 1, "lower"),
    ("memory.held1000_pss", "  PSS", 1, "lower"),
    ("memory.held5000_rss", "RSS with 5000 idle connections, MiB", 1, "lower"),
    ("memory.held5000_pss", "  PSS", 1, "lower"),
    ("memory.conn_kib", "  KiB for each of connections 1001 to 5000", 2, "lower"),
]

KIND_TITLES = {
    "tunnel": "L4 tunnel: TCP -> mTLS -> TCP, client and server side together",
    "relay": "TCP relay, not in the mesh: TCP -> TCP",
    "waypoint": "L7 router: plain HTTP/1.1, header match, 90/10 split",
    "hbone-waypoint": "Whole path: client tunnel -> HBONE waypoint -> server tunnel",
}


def summarize(runs, contenders, baselines):
    """runs: [{contender, round, test, metrics, load_bound, disturbed}] -> nested dict.

    Disturbed runs count only where there is no other of that contender and test."""
    values, disturbed, bound = {}, {}, set()
    for r in runs:
        for metric, v in r["metrics"].items():
            key = f"{r['test']}.{metric}"
            where = disturbed if r.get("disturbed") else values
            where.setdefault(r["contender"], {}).setdefault(key, {})[r["round"]] = v
        if r.get("load_bound"):
            bound.add((r["contender"], r["test"]))
    for name, keys in disturbed.items():
        for key, by_round in keys.items():
            values.setdefault(name, {}).setdefault(key, by_round)
    out = {}
    for kind in KIND_TITLES:
        base = values.get(baselines.get(kind), {})
        for name in (n for n in contenders if contenders[n]["kind"] == kind):
            rows = out.setdefault(kind, {})[name] = {}
            for key, by_round in values.get(name, {}).items():
                v = list(by_round.values())
                base_rounds = base.get(key, {})
                # Within a round both saw the same machine.
                ratios = [x / base_rounds[i] for i, x in by_round.items() if base_rounds.get(i)]
                if len(ratios) < min(2, len(base_rounds)) and median(base_rounds.values()):
                    ratios = [median(v) / median(base_rounds.values())]
                rows[key] = {
                    "median": median(v), "min": min(v), "max": max(v), "runs": len(v),
                    "ratio": median(ratios) if ratios else None,
                    "load_bound": (name, key.split(".")[0]) in bound,
                }
    return out


def _cell(row, decimals, is_base, metric):
    if row is None:
        return ""
    text = f"{row['median']:.{decimals}f}"
    if row["load_bound"] and metric in ("rps", "gb_s", "conn_s"):
        text += "*"
    if row["ratio"] is not None and not is_base:
        text += f" ({row['ratio']:.2f}x)"
    return text


def tables(result):
    """The report as text, in Markdown tables."""
    meta, summary, baselines = result["meta"], result["summary"], result["meta"]["baselines"]
    out = [
        f"Mode {meta['mode']}: {meta['rounds']} round(s), {meta['seconds_http']} s for each HTTP "
        f"run, {meta['seconds_bulk']} s for each iperf3 run; contenders take turns in every round.",
        f"CPU: {meta['cpu']}, kernel {meta['kernel']}. Load tools and backend are pinned to CPU "
        f"{meta['load_cpus']}, all proxies of a contender to CPU {meta['proxy_cpus']}.",
        "Medians; in brackets the ratio to the baseline in the same round (median of rounds).",
        "* = the load side was the limit, not the proxy: the true value is higher.",
        "",
    ]
    for kind, by_name in summary.items():
        names = [n for n in by_name if by_name[n]]
        base = baselines.get(kind)
        names.sort(key=lambda n: (n != base, list(by_name).index(n)))
        if not names:
            continue
        out += [f"## {KIND_TITLES[kind]}", ""]
        rows = [["", *[n + (" (baseline)" if n == base else "") for n in names]]]
        for key, label, decimals, better in METRICS:
            if any(key in by_name[n] for n in names):
                metric = key.split(".")[-1]
                rows.append([label] + [_cell(by_name[n].get(key), decimals, n == base, metric)
                                       for n in names])
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        for i, r in enumerate(rows):
            cells = [r[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(r[1:], widths[1:])]
            out.append("| " + " | ".join(cells) + " |")
            if i == 0:
                out.append("|" + "|".join("-" * (w + 2) for w in widths) + "|")
        out.append("")
        for n in names:
            c = result["contenders"][n]
            tls, wire = c.get("tls"), c.get("wire")
            text = f"- {n}: {c['title']}"
            if c["version"]:
                text += f"; {c['version']}"
            if wire:
                text += f"; between its sides {wire['cipher']}, {wire['group']}"
            if tls:
                no = [k for k, v in tls["refuses"].items() if not v]
                text += f"; {tls['tls']}, ALPN {tls['alpn']}"
                text += f"; ACCEPTS {', '.join(no)}" if no else "; refuses every bad peer tried"
            out.append(text)
        out.append("")
    for text in result.get("noise", []):
        out.append("NOISE: " + text)
    for text in result["problems"]:
        out.append("PROBLEM: " + text)
    return "\n".join(out).rstrip() + "\n"
