# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates for peers that are not our tunnels, minted with openssl."""

import itertools
import ssl
from pathlib import Path
from typing import NamedTuple

from .command import run

_numbers = itertools.count(1)

_LEAF = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = {usage}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{san}"""


class SVID(NamedTuple):
    """Files in PEM form: a certificate, its key, and the CA that peers are verified against."""

    certificate: Path
    key: Path
    roots: Path


class Authority:
    """Signs with ca.crt and ca.key of a folder: the tunnels' `--ca-dir`, or one that nobody trusts."""

    def __init__(self, directory, output):
        self.certificate = Path(directory) / "ca.crt"
        self.key = Path(directory) / "ca.key"
        self.output = Path(output)
        self.output.mkdir(parents=True, exist_ok=True)

    @classmethod
    def create(cls, directory, output):
        """Makes a new self-signed CA."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", directory / "ca.key", "-out", directory / "ca.crt", "-subj", "/O=cluster.local", "-days", "30",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        (directory / "ca.key").chmod(0o600)
        return cls(directory, output)

    def issue(self, *uris, days=1, usage="serverAuth, clientAuth"):
        """An ECDSA P-256 leaf with these URI names and no subject; days=-1 has already expired."""
        base = self.output / f"svid-{next(_numbers)}"
        key, request, certificate, extensions = (base.with_suffix(s) for s in (".key", ".csr", ".crt", ".ext"))
        san = f"subjectAltName = critical, {','.join(f'URI:{uri}' for uri in uris)}\n" if uris else ""
        extensions.write_text(_LEAF.format(usage=usage, san=san), encoding="ascii")
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", request, "-subj", "/")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
            "-set_serial", f"0x{hash(str(base)) & 0xffffffffffff:x}1", "-days", days, "-sha256", "-extfile", extensions,
            "-out", certificate)
        return SVID(certificate, key, self.certificate)


def context(svid, server, alpn=("h2",), version=ssl.TLSVersion.TLSv1_3):
    """A TLS context that presents an SVID (or nothing) and verifies the peer's chain, never its host name."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = made.maximum_version = version
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(svid.roots)
    if svid.certificate:
        made.load_cert_chain(svid.certificate, svid.key)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


def spiffe_id(connection):
    """The only URI name of the peer of a TLS connection."""
    names = [value for kind, value in connection.getpeercert().get("subjectAltName", ()) if kind == "URI"]
    assert len(names) == 1, f"exactly one URI name expected: {names}"
    return names[0]
