#!/usr/bin/python3
# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Runs every conformance check against the test server and prints one line for each.

    run.py [--port PORT] [--only TEXT] [SERVER]

SERVER is started on a free port unless --port names a server that is there already. The last line is
`N passed, 0 failed`; the exit code is 1 when a check failed.
"""

import argparse
import atexit
import importlib
import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import programs  # noqa: E402
from registry import CHECKS  # noqa: E402

MODULES = ["framing", "streams", "frames", "messages", "compression", "hostile", "counterparts"]
# These start programs of their own beside the server, which --port does not name.
PROGRAM_MODULES = ["servers", "proxies", "http1"]


def start(server):
    process = subprocess.Popen([server, "0"], stdout=subprocess.PIPE, text=True)
    # However the run ends, also when nobody reads its output any more.
    atexit.register(process.kill)
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        sys.exit(f"the server did not start: {line!r}")
    return process, int(line.split()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server", nargs="?")
    parser.add_argument("--port", type=int)
    parser.add_argument("--only", default="", help="run the checks whose name contains this")
    arguments = parser.parse_args()
    process = None
    port = arguments.port
    if port is None:
        process, port = start(arguments.server)
    if arguments.server:
        programs.SERVER = pathlib.Path(arguments.server)
    for module in MODULES + (PROGRAM_MODULES if arguments.server else []):
        importlib.import_module(f"checks.{module}")
    passed = failed = 0
    began = time.monotonic()
    for rule, sentence, function in CHECKS:
        name = f"{rule}: {sentence}"
        if arguments.only not in name:
            continue
        try:
            function(port)
        except Exception as error:
            failed += 1
            print(f"FAIL {name}\n     {type(error).__name__}: {error}", flush=True)
        else:
            passed += 1
            print(f"ok   {name}", flush=True)
        if process and process.poll() is not None:
            print(f"FAIL the server ended with {process.returncode}")
            failed += 1
            process, port = start(arguments.server)
    print(f"{time.monotonic() - began:.1f} s")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
