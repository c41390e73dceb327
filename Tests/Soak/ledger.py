# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Accounts for every connection attempt: how it ended, and why that was allowed."""

import collections
import threading
import time
from typing import NamedTuple

SERVED, REFUSED, INJECTED, UNEXPLAINED = "served", "refused by rule", "failed as injected", "unexplained"


class Misfortune(NamedTuple):
    """Something the soak did to the mesh, with the time in which it may be felt and whom it may touch."""

    name: str
    begin: float
    end: float
    touches: frozenset


class Ledger:
    """Entries come from many threads; misfortunes are written down before they happen."""

    def __init__(self):
        self._lock = threading.Lock()
        self._misfortunes = []
        self.attempts = collections.Counter()
        self.entries = collections.Counter()
        self.unexplained = []
        self.bytes = 0

    def attempt(self, kind):
        with self._lock:
            self.attempts[kind] += 1
        return time.monotonic()

    def misfortune(self, name, seconds, *touches):
        """Announces one: failures of who is touched, from now on and for so long, are explained by it."""
        now = time.monotonic()
        with self._lock:
            self._misfortunes.append(Misfortune(name, now, now + seconds, frozenset(touches)))

    def served(self, kind, count=0):
        with self._lock:
            self.entries[kind, SERVED, ""] += 1
            self.bytes += count

    def refused(self, kind, rule):
        with self._lock:
            self.entries[kind, REFUSED, rule] += 1

    def failed(self, kind, begin, touched, error):
        """A failure is explained by a misfortune that touches one of its ends and was felt while it lasted."""
        end = time.monotonic()
        with self._lock:
            for misfortune in reversed(self._misfortunes):
                if misfortune.touches & set(touched) and misfortune.begin <= end and begin <= misfortune.end:
                    self.entries[kind, INJECTED, misfortune.name] += 1
                    return
            self.entries[kind, UNEXPLAINED, type(error).__name__] += 1
            self.unexplained.append(f"{kind} {begin:.2f}–{end:.2f} {sorted(touched)}: {error!r}")

    def imbalance(self):
        """Kinds whose attempts and entries do not add up: {kind: (attempts, entries)}."""
        sums = collections.Counter()
        for (kind, _, _), count in self.entries.items():
            sums[kind] += count
        return {kind: (count, sums[kind]) for kind, count in self.attempts.items() if count != sums[kind]}

    def report(self):
        lines = [f"{'kind':<12}{'attempts':>9}  {'served':>8}  {'refused by rule':>16}  failed as injected"]
        for kind in sorted(self.attempts):
            of_kind = {key[1:]: count for key, count in self.entries.items() if key[0] == kind}
            refused = sum(count for key, count in of_kind.items() if key[0] == REFUSED)
            injected = ", ".join(f"{name}: {count}" for (how, name), count in sorted(of_kind.items()) if how == INJECTED)
            lines.append(f"{kind:<12}{self.attempts[kind]:>9}  {of_kind.get((SERVED, ''), 0):>8}  {refused:>16}  {injected or '-'}")
        lines.append(f"bytes carried: {self.bytes:,}; misfortunes: {len(self._misfortunes)}; "
                     f"unexplained: {len(self.unexplained)}")
        return "\n".join(lines)
