// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

@Suite("Base64")
struct Base64Tests {
    /// RFC 4648 §10.
    @Test(
        "RFC 4648 §10: the test vectors decode",
        arguments: [
            ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmE=", "fooba"),
            ("Zm9v\nYmFy\n", "foobar"),
        ])
    func vectors(text: String, plain: String) {
        #expect(Base64.decode(text) == Array(plain.utf8))
    }

    @Test(
        "RFC 4648 §3: other characters, wrong padding and text behind padding are refused",
        arguments: ["Z", "Zg", "Zg=", "Zg===", "Zm9v=", "Zg==Zg==", "Zm-v", "Zm9*"])
    func refused(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
