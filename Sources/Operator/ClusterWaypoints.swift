// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Kubernetes
internal import LinuxIO
internal import Manifest

/// What the commands about waypoints do to a cluster: they write the Gateway and labels; its controller does the rest.
package struct ClusterWaypoints {
    /// The conversation with the API server.
    package let session: ClusterSession
    /// Waits between two questions.
    package let pause: (Nanoseconds) -> Void
    /// Gets each line for standard output.
    package let say: (String) -> Void
    /// Gets each line for standard error.
    package let warn: (String) -> Void

    /// The name under which the fields we write are known (server-side apply).
    static var fieldManager: String { "ambit-waypoint" }
    /// How often a Gateway is looked at (istioctl: 1 s).
    static var interval: Nanoseconds { .seconds(1) }
    /// Gateways of one page.
    private static let pageSize = 500

    /// Puts the parts together.
    package init(
        session: ClusterSession, pause: @escaping (Nanoseconds) -> Void, say: @escaping (String) -> Void,
        warn: @escaping (String) -> Void
    ) {
        self.session = session
        self.pause = pause
        self.say = say
        self.warn = warn
    }

    // MARK: - Reading

    /// The waypoints of a namespace, or of all, in the order of their names.
    package func list(namespace: String?) throws(OperatorError) -> [ClusterWaypoint] {
        var result: [ClusterWaypoint] = []
        var next = ""
        repeat {
            let token = next.isEmpty ? "" : "&continue=\(APIRequest.escaped(next))"
            let path = Self.path(.gateway, namespace ?? "", "") + "?limit=\(Self.pageSize)\(token)"
            let answer = try ask(APIRequest(.get, path))
            guard answer.isGood else { throw Self.refusal(answer, "Gateways") }
            let page = try object(answer)
            result += page["items"]?.elements.compactMap { ClusterWaypoint($0) } ?? []
            next = page["metadata"]?["continue"]?.string ?? ""
        } while !next.isEmpty
        return result.sorted { ($0.name.namespace, $0.name.name) < ($1.name.namespace, $1.name.name) }
    }

    func find(_ name: WaypointName) throws(OperatorError) -> ClusterWaypoint? {
        let answer = try ask(APIRequest(.get, Self.path(.gateway, name.namespace, name.name)))
        if answer.status == 404 { return nil }
        guard answer.isGood else { throw Self.refusal(answer, "Gateway \(name)") }
        return ClusterWaypoint(try object(answer))
    }

    // MARK: - The API

    /// The path of an object, of all of a namespace, or of all, in the version every API server of today serves.
    static func path(_ kind: ObjectKind, _ namespace: String, _ name: String) -> String {
        // All kinds that are asked for have a path.
        APIResource(kind)?.path("v1", namespace: namespace, name: name) ?? "/"
    }

    func ask(_ request: APIRequest) throws(OperatorError) -> ClusterSession.Answer {
        do throws(KubernetesError) {
            return try session.ask(request)
        } catch {
            throw OperatorError("\(error) (\(session.credentials.authority))")
        }
    }

    func object(_ answer: ClusterSession.Answer) throws(OperatorError) -> YAMLNode {
        do throws(KubernetesError) {
            return try answer.object()
        } catch {
            throw OperatorError("\(error) (\(session.credentials.authority))")
        }
    }

    /// What a refusal means for whoever typed the command.
    static func refusal(_ answer: ClusterSession.Answer, _ what: String) -> OperatorError {
        if answer.status == 404, what.hasPrefix("Gateway") {
            return OperatorError(
                "missing Kubernetes Gateway CRDs need to be installed before applying a waypoint: kubectl apply -f "
                    + "https://github.com/kubernetes-sigs/gateway-api/releases/latest/download/standard-install.yaml")
        }
        return OperatorError("\(what): \(answer.problem)")
    }
}
