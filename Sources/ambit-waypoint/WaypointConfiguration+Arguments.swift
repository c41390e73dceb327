// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Waypoint

// Settings in the form that options read and show.
extension WaypointConfiguration {
    /// The root namespaces in order, for the option that collects them.
    var rootNamespaceList: [String] {
        get { rootNamespaces.sorted() }
        set { rootNamespaces = Set(newValue) }
    }

    /// How long certificates are valid.
    var svidValidity: Nanoseconds {
        get { .seconds(svidValiditySeconds) }
        set { svidValiditySeconds = max(60, newValue.count / 1_000_000_000) }
    }

    /// The plain listeners as they are written on a command line; what is not understood is left out by the setter.
    var plaintextList: [String] {
        get { plaintext.map { "\($0.address)=\($0.service):\($0.port)" } }
        set { plaintext = newValue.compactMap(PlaintextListener.init) }
    }
}

extension WaypointConfiguration.PlaintextListener {
    /// Reads `ADDRESS:PORT=SERVICE.NAMESPACE:PORT`.
    init?(_ text: String) {
        guard let equals = text.firstIndex(of: "="), let address = SocketAddress(String(text[..<equals])) else {
            return nil
        }
        let target = text[text.index(after: equals)...]
        guard let colon = target.lastIndex(of: ":"), let port = UInt16(target[target.index(after: colon)...]), port > 0,
            colon > target.startIndex
        else { return nil }
        self.init(address: address, service: String(target[..<colon]), port: port)
    }
}
