# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Sends requests and counts the answers: `count.py URL -n 2000 -H 'x-canary: true'`; without -n until SIGTERM."""

import argparse
import http.client
import itertools
import re
import signal
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

#: Upper bounds of the histogram, in milliseconds.
BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000)


class Count:
    """The answers of all connections."""

    def __init__(self, arguments):
        self.url = urlsplit(arguments.url)
        self.limit = arguments.number
        self.fresh = arguments.fresh
        self.pause = 0 if self.limit else 0.005
        self.headers = dict(re.split(r":\s*", line, maxsplit=1) for line in arguments.header)
        self.numbers = itertools.count()
        self.answers = []
        self.failures = []
        self.stopped = threading.Event()

    def work(self):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port or 80, timeout=10)
        while not self.stopped.is_set() and (self.limit is None or next(self.numbers) < self.limit):
            began = time.monotonic()
            try:
                connection.request("GET", self.url.path or "/", headers=self.headers)
                response = connection.getresponse()
                name = re.match(rb"hello from ([^,]+),", response.read())
                self.answers.append((response.status, name[1].decode() if name else "the waypoint",
                                     1000 * (time.monotonic() - began)))
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if self.fresh:
                connection.close()
            time.sleep(self.pause)
        connection.close()

    def run(self, connections):
        began = time.monotonic()
        threads = [threading.Thread(target=self.work) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{len(self.answers)} answers in {time.monotonic() - began:.1f} s, {len(self.failures)} without answer")
        for failure in self.failures[:3]:
            print(f"      {failure}")
        for (status, name), count in sorted(Counter(answer[:2] for answer in self.answers).items()):
            print(f"{count:6} × {status} from {name}")

    def histogram(self):
        times = [answer[2] for answer in self.answers]
        edges = [0, *BOUNDS, float("inf")]
        counts = [sum(low <= value < high for value in times) for low, high in zip(edges, edges[1:])]
        for low, count in zip(edges, counts):
            print(f"{low:6} ms and more: {count:6} {'#' * -(-50 * count // max(counts))}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("-n", dest="number", type=int, help="how many requests; not given, until SIGTERM")
    parser.add_argument("-c", dest="connections", type=int, default=1, help="connections at one time")
    parser.add_argument("-H", dest="header", action="append", default=[], help="a header field")
    parser.add_argument("--fresh", action="store_true", help="a connection for each request")
    parser.add_argument("--histogram", action="store_true", help="print how long the answers took")
    arguments = parser.parse_args()
    count = Count(arguments)
    signal.signal(signal.SIGTERM, lambda *_: count.stopped.set())
    count.run(arguments.connections)
    if arguments.histogram:
        count.histogram()


if __name__ == "__main__":
    main()
