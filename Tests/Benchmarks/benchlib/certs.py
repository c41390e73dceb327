# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Throw-away workload certificates: ECDSA P-256, a SPIFFE URI as the only SAN."""

import subprocess
from pathlib import Path

TRUST_DOMAIN = "cluster.local"


def spiffe(account, domain=TRUST_DOMAIN):
    return f"spiffe://{domain}/ns/default/sa/{account}"


# name -> (subject alternative name, signing CA).  "server-dns" is for peers that
# can verify a DNS name but no URI; the last two must be turned away.
LEAVES = {
    "client": (f"URI:{spiffe('client')}", "ca"),
    "server": (f"URI:{spiffe('server')}", "ca"),
    "waypoint": (f"URI:{spiffe('waypoint')}", "ca"),
    "server-dns": (f"URI:{spiffe('server')},DNS:server.bench", "ca"),
    "foreign": (f"URI:{spiffe('client', 'other.example')}", "ca"),
    "forged": (f"URI:{spiffe('client')}", "other-ca"),
}

CA_EXT = """\
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""

LEAF_EXT = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = critical, {san}
"""


def make(folder):
    """Fills `folder` with NAME.crt, NAME.key and NAME.pem (both, chain first)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    def issue(name, subject, ext, ca=None):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-out", f"{name}.key")
        openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(ext)
        signer = (["-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial"] if ca
                  else ["-signkey", f"{name}.key"])
        openssl("x509", "-req", "-in", f"{name}.csr", "-days", "3", "-sha256",
                "-extfile", f"{name}.ext", *signer, "-out", f"{name}.crt")
        pem = (folder / f"{name}.crt").read_text() + (folder / f"{name}.key").read_text()
        (folder / f"{name}.pem").write_text(pem)

    for ca in ("ca", "other-ca"):
        issue(ca, f"/O={TRUST_DOMAIN}/CN={ca}", CA_EXT)
    for name, (san, ca) in LEAVES.items():
        issue(name, "/", LEAF_EXT.format(san=san), ca)
    return folder
