# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Running one command to its end."""

import shlex
import subprocess


class CommandFailed(Exception):
    """A command ended with another status than 0; the text holds what it printed."""

    def __init__(self, argv, result):
        super().__init__(f"`{shlex.join(argv)}` ended with {result.returncode}:\n{result.stdout}{result.stderr}")
        self.result = result


def run(*argv, check=True, timeout=30, input=None):
    """Runs argv, returns its CompletedProcess with text output, and raises CommandFailed if check and status != 0."""
    argv = [str(word) for word in argv]
    # Input is always a pipe or empty: nothing here may wait for a terminal.
    given = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
    result = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, **given)
    if check and result.returncode != 0:
        raise CommandFailed(argv, result)
    return result
