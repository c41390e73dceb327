// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import CertificateService

@Suite("Names of ClusterTrustBundles")
struct TrustBundleNameTests {
    @Test("Kubernetes, signer-linked bundles: the name is the signer with a colon for its slash, and a name")
    func signer() throws {
        let name = try #require(TrustBundleName("ambit.dev:identity:roots"))
        #expect(name.signer == "ambit.dev/identity")
        #expect(name.text == "ambit.dev:identity:roots")
    }

    @Test(
        "What the API server would refuse as a name is refused before",
        arguments: [
            "", "roots", "ambit.dev:identity", "ambit.dev:identity:", "ambit:identity:roots",
            "ambit.dev/identity:roots",
            "ambit.dev:identity:Roots", "ambit.dev:identity:a:b", "-ambit.dev:identity:roots",
            "ambit.dev:identity:roots-", "ambit.dev:identity:\(String(repeating: "r", count: 240))",
        ])
    func refused(_ text: String) {
        #expect(TrustBundleName(text) == nil)
    }
}
