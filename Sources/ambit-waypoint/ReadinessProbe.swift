// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Operator
internal import Telemetry

/// Asks a waypoint's proxy whether it takes traffic.
enum ReadinessProbe {
    /// How long an answer may take.
    private static var timeout: Nanoseconds { .seconds(2) }

    /// Asks all addresses of a pod until one answers; from inside its network namespace, if that is known and may be entered.
    static func ask(_ proxy: FolderWaypoint.Proxy, port: UInt16) -> WaypointOperator.Readiness {
        if let path = proxy.networkNamespacePath {
            do throws(NetworkNamespaceError) {
                let own = try NetworkNamespace.own()
                return try NetworkNamespace(path: path).within(returningTo: own) { askDirectly(proxy, port) }
            } catch {
                // Not a namespace of this machine, or not ours to enter: the pod may be reached all the same.
            }
        }
        return askDirectly(proxy, port)
    }

    private static func askDirectly(_ proxy: FolderWaypoint.Proxy, _ port: UInt16) -> WaypointOperator.Readiness {
        var result = WaypointOperator.Readiness.notRunning
        for address in proxy.addresses {
            result = ask(SocketAddress(ip: address, port: port))
            if result == .ready { break }
        }
        return result
    }

    private static func ask(_ address: SocketAddress) -> WaypointOperator.Readiness {
        do throws(AdminClientError) {
            _ = try AdminClient.ask(address, "/healthz/ready", timeout: timeout)
            return .ready
        } catch {
            switch error {
            case .refused(_, let text): return .notReady(text)
            case .unreachable(_, let cause):
                return cause.isRefused ? .notRunning : .unreachable("\(address): \(cause)")
            case .timeout: return .unreachable("\(address): no answer")
            case .notHTTP: return .unreachable("\(address): not a readiness port")
            }
        }
    }
}
