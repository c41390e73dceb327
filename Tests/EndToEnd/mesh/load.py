# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Many requests by a few kept connections, and how far a count may be from its share."""

import http.client
import itertools
import json
import math
import threading
import time
from typing import NamedTuple


class Answer(NamedTuple):
    """What became of one request; status 0: there was no answer, and `body` says why."""

    status: int
    body: bytes
    seconds: float

    @property
    def server(self):
        """The name that an Echo gives itself."""
        return json.loads(self.body)["server"]


class Client(http.client.HTTPConnection):
    """A kept connection from inside a network namespace, made anew when the server has closed it."""

    def __init__(self, netns, address, port=80, timeout=30):
        super().__init__(address, port, timeout=timeout)
        self.netns = netns

    def connect(self):
        self.sock = self.netns.connect(self.host, self.port, timeout=self.timeout)

    def ask(self, path="/", method="GET", body=None, headers=None):
        began = time.monotonic()
        try:
            self.request(method, path, body, headers or {})
            response = self.getresponse()
            return Answer(response.status, response.read(), time.monotonic() - began)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(0, repr(error).encode(), time.monotonic() - began)


def requests(netns, address, count, port=80, workers=8, **request):
    """Sends `count` requests over `workers` connections; the answers, in no order."""
    answers, numbers = [], itertools.count()

    def work():
        client = Client(netns, address, port)
        while next(numbers) < count:
            answers.append(client.ask(**request))
        client.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def interval(total, share, deviations=5):
    """The counts that `total` independent draws give for `share`: outside of it is one run in 1.7 million."""
    mean, deviation = total * share, math.sqrt(total * share * (1 - share))
    return max(0, math.floor(mean - deviations * deviation)), math.ceil(mean + deviations * deviation)


def assert_share(count, total, share):
    low, high = interval(total, share)
    assert low <= count <= high, f"{count} of {total}, expected {share:.1%}: {low} to {high}"


class Stream:
    """Requests one after the other until it is stopped, on a thread of its own."""

    def __init__(self, netns, address, port=80, pause=0.005, keeps=True, **request):
        self.answers = []
        self._request = request
        self._client = Client(netns, address, port)
        self._pause = pause
        self._keeps = keeps
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._done.wait(self._pause):
            self.answers.append(self._client.ask(**self._request))
            if not self._keeps:
                self._client.close()

    @property
    def failures(self):
        return [answer for answer in self.answers if answer.status != 200]

    def stop(self):
        self._done.set()
        self._thread.join()
        self._client.close()
        return self.answers
