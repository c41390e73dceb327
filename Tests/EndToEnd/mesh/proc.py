# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of a tunnel's process."""

import os
from typing import NamedTuple


class Usage(NamedTuple):
    """What a process holds at one moment."""

    descriptors: int
    threads: int
    resident_kilobytes: int


def usage(tunnel):
    with open(f"/proc/{tunnel.process.pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return Usage(len(os.listdir(f"/proc/{tunnel.process.pid}/fd")), int(fields["Threads"]),
                 int(fields["VmRSS"].split()[0]))


def descriptors(tunnel):
    return len(os.listdir(f"/proc/{tunnel.process.pid}/fd"))


def cpu_seconds(tunnel):
    # /proc/PID/stat: utime and stime, in clock ticks of 1/100 s.
    with open(f"/proc/{tunnel.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
