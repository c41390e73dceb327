// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Mesh
package import Routing

/// A local port that leads into the mesh (`ambit-tunnel forward`): what connects to it goes to `target` as if an
/// application of a pod had connected there.
package struct Forward: Equatable, Sendable {
    /// Where it listens.
    package let local: SocketAddress
    /// Where its connections go: a pod or service by address, or a service by name.
    package let target: Authority
    /// `target` as it was written.
    package let targetText: String

    /// Reads `PORT=HOST:PORT` or `IP:PORT=HOST:PORT`; without an IP it listens on loopback.
    ///
    /// - Returns: nil when `text` is neither, or a port is 0.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let target = Authority(Array(parts[1].utf8).span) else { return nil }
        if let port = UInt16(parts[0]) {
            local = SocketAddress(ip: .loopbackV4, port: port)
        } else if let address = SocketAddress(String(parts[0])) {
            local = address
        } else {
            return nil
        }
        guard local.port != 0 else { return nil }
        self.target = target
        targetText = String(parts[1])
    }

    /// The same, as it is written on a command line.
    package var text: String { "\(local)=\(targetText)" }
}

extension MeshSnapshot {
    /// The address that a forward's target has now.
    ///
    /// A name is completed as a resolver in the pod's namespace would do it: `reviews`, `reviews.default`,
    /// `reviews.default.svc`, or in full.
    /// - Returns: nil for a name that no service has, and for a service without an address of its own.
    func address(of target: Authority, in namespace: NameIndex, clusterDomain: String) -> SocketAddress? {
        switch target {
        case .address(let address): return address
        case .host(let name, let port):
            let candidates = [
                name, "\(name).\(self[namespace]).svc.\(clusterDomain)", "\(name).svc.\(clusterDomain)",
                "\(name).\(clusterDomain)",
            ]
            for candidate in candidates {
                guard let service = service(hostname: candidate, seenFrom: namespace) else { continue }
                return firstAddress(of: service).map { SocketAddress(ip: $0, port: port) }
            }
            return nil
        }
    }
}
