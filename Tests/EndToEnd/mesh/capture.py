# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What crosses a wire: tcpdump into a file, and a reader for that file."""

import itertools
import signal
import socket
import struct
import time
from typing import NamedTuple

from .serving import plain
from .waiting import eventually

_numbers = itertools.count(1)
_GLOBAL_HEADER, _RECORD_HEADER, _ETHERNET = 24, 16, 14
_IPV4, _IPV6, _TCP = 0x0800, 0x86DD, 6


class Segment(NamedTuple):
    """One TCP segment as seen on the wire."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    flags: int
    payload: bytes

    @property
    def is_reset(self):
        return bool(self.flags & 0x04)


class Capture:
    """Records from its creation until stop(); every segment in full."""

    def __init__(self, netns, interface, directory, filter="tcp"):
        number = next(_numbers)
        self.path = directory / f"capture-{number}.pcap"
        self._process = netns.start(
            "tcpdump", "-i", interface, "-n", "-U", "-s", "0", "-B", "8192", "--immediate-mode", "-w", self.path,
            filter, log=directory / f"capture-{number}.log")
        eventually(lambda: "listening on" in self._process.text(), message=self._process.text)

    def _settled(self):
        """Nothing more comes out of tcpdump."""
        size = self.path.stat().st_size
        time.sleep(0.1)  # what is on its way from the kernel through tcpdump to the file
        return self.path.stat().st_size == size

    def stop(self):
        if self._process.status is None:
            eventually(self._settled)
            self._process.signal(signal.SIGINT)
            self._process.wait()
        return self

    def segments(self):
        """The TCP segments recorded; stops the recording."""
        data = self.stop().path.read_bytes()
        at = _GLOBAL_HEADER
        segments = []
        while at + _RECORD_HEADER <= len(data):
            length = struct.unpack_from("=I", data, at + 8)[0]
            at += _RECORD_HEADER
            segment = _decode(data[at:at + length])
            at += length
            if segment:
                segments.append(segment)
        return segments


def _decode(frame):
    kind = struct.unpack_from("!H", frame, 12)[0]
    packet = frame[_ETHERNET:]
    if kind == _IPV4 and packet[9] == _TCP:
        start, end = (packet[0] & 0xF) * 4, struct.unpack_from("!H", packet, 2)[0]
        source, destination = packet[12:16], packet[16:20]
    elif kind == _IPV6 and packet[6] == _TCP:
        start, end = 40, 40 + struct.unpack_from("!H", packet, 4)[0]
        source, destination = packet[8:24], packet[24:40]
    else:
        return None
    segment = packet[start:end]
    ports = struct.unpack_from("!HH", segment)
    return Segment(_text(source), ports[0], _text(destination), ports[1], segment[13], segment[(segment[12] >> 4) * 4:])


def _text(address):
    return plain(socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address))
