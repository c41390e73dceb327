// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// One thing that is true of a waypoint, or not: a row of `status`.
package struct WaypointCondition: Equatable, Sendable {
    /// Whether it is true.
    package enum Status: String, Sendable {
        case `true` = "True"
        case `false` = "False"
        case unknown = "Unknown"
    }

    /// Whether it is true.
    package let status: Status
    /// What: `Accepted` and `Programmed` as the Gateway API has them, `Ready` for what the proxies answer now.
    package let type: String
    /// Why, in one word.
    package let reason: String
    /// Why, and what to do.
    package let message: String

    /// All of a waypoint.
    ///
    /// - Parameter probe: asks a proxy.
    package static func all(
        of record: FolderWaypoint, probe: (FolderWaypoint.Proxy) -> WaypointOperator.Readiness
    ) -> [WaypointCondition] {
        [accepted(record), programmed(record), ready(record, record.proxies.map { ($0, probe($0)) })]
    }

    private static func accepted(_ record: FolderWaypoint) -> WaypointCondition {
        record.hasListener
            ? WaypointCondition(status: .true, type: "Accepted", reason: "Accepted", message: "Resource accepted")
            : WaypointCondition(
                status: .false, type: "Accepted", reason: "ListenersNotValid",
                message: "no listener with protocol HBONE; add {name: mesh, port: 15008, protocol: HBONE}")
    }

    private static func programmed(_ record: FolderWaypoint) -> WaypointCondition {
        guard record.hasListener, !record.addresses.isEmpty else {
            return WaypointCondition(
                status: .false, type: "Programmed", reason: "AddressNotAssigned",
                message: "no proxy has been found ready yet, traffic goes direct; apply --wait looks for one")
        }
        guard !record.proxies.isEmpty else {
            return WaypointCondition(
                status: .false, type: "Programmed", reason: "AddressNotUsable",
                message: "no pod stands behind \(record.addresses.joined(separator: ", ")): bound traffic is refused; "
                    + "apply --address IP, or delete the waypoint")
        }
        let places = record.addresses.map { "\($0):15008" }.joined(separator: ", ")
        return WaypointCondition(
            status: .true, type: "Programmed", reason: "Programmed",
            message: "Resource programmed, assigned to service(s) \(places)")
    }

    private static func ready(
        _ record: FolderWaypoint, _ answers: [(FolderWaypoint.Proxy, WaypointOperator.Readiness)]
    ) -> WaypointCondition {
        let count = answers.count { $0.1 == .ready }
        let problems = answers.filter { $0.1 != .ready }
            .map { "\($0.0.key) \(WaypointOperator.text($0.1))" }
        guard !answers.isEmpty else {
            return WaypointCondition(
                status: .false, type: "Ready", reason: "NoProxies",
                message: "no pod carries the label \(WaypointLabel.gatewayName): \(record.name.name); "
                    + "label one, or apply --address IP")
        }
        let message = (["\(count) of \(answers.count) pods ready"] + problems).joined(separator: "; ")
        if count > 0 {
            return WaypointCondition(status: .true, type: "Ready", reason: "ProxiesReady", message: message)
        }
        let isUnknown = answers.contains { answer in
            if case .unreachable = answer.1 { true } else { false }
        }
        return WaypointCondition(
            status: isUnknown ? .unknown : .false, type: "Ready",
            reason: isUnknown ? "Unreachable" : "NoProxyReady", message: message)
    }
}
