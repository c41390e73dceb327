# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting for a fact instead of for a time."""

import time


class NeverHappened(AssertionError):
    """The awaited fact did not come about in time."""


def eventually(fact, within=5.0, every=0.02, message=None):
    """Calls fact() until it returns something true and returns that; fails after `within` seconds.

    An AssertionError or OSError inside fact counts as "not yet" and is quoted when the time is over.
    """
    deadline = time.monotonic() + within
    while True:
        last = None
        try:
            value = fact()
            if value:
                return value
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() >= deadline:
            text = message() if callable(message) else message
            raise NeverHappened(f"not within {within} s: {text or getattr(fact, '__doc__', None) or fact}"
                                + (f" ({last!r})" if last else ""))
        time.sleep(every)


def always(fact, during=0.5, every=0.02, message=None):
    """Calls fact() for `during` seconds and fails as soon as it returns something false."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        assert fact(), f"stopped being true: {message or fact}"
        time.sleep(every)
