# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The list of checks: each is a function of a port, named by the rule it holds the server to."""

CHECKS = []


def check(rule, sentence):
    def register(function):
        CHECKS.append((rule, sentence, function))
        return function
    return register


def require(condition, message):
    from peer import Failure
    if not condition:
        raise Failure(message)
