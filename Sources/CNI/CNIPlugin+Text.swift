// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Telemetry

extension CNIPlugin {
    /// The answer to VERSION.
    static var versionText: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("cniVersion", CNIConfiguration.versions.last ?? "")
            json.member("supportedVersions", CNIConfiguration.versions)
        }
        return json.bytes + [0x0A]
    }

    /// An error as runtimes read it.
    static func errorText(_ error: CNIError, _ reason: String, version: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("cniVersion", version)
            json.member("code", error.code)
            json.member("msg", reason.isEmpty ? "ambit: \(error)" : "ambit: \(error): \(reason)")
        }
        return json.bytes + [0x0A]
    }
}
