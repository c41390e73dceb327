// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The objects that run a waypoint in a cluster; the only place that says what they are.
struct WaypointWorkload {
    typealias Entry = (key: String, value: ManifestValue)

    let settings: GatewaySettings
    let configuration: ControllerConfiguration
    /// What waypoints run.
    let image: String
    /// The CA service's roots; empty without.
    let roots: String

    private var name: String { settings.name.name }
    /// The ConfigMap with the roots.
    private var rootsName: String { "\(name)-ambit-ca-root" }

    /// What there has to be.
    var objects: [ManagedObject] {
        var result = [object(.serviceAccount, [])]
        if !roots.isEmpty {
            let data: [Entry] = [("data", .mapping([("root-cert.pem", .text(roots))]))]
            result.append(object(.configMap, name: rootsName, data))
        }
        result.append(object(.service, [("spec", serviceSpec)]))
        result.append(object(.deployment, [("spec", deploymentSpec)]))
        let budget: [Entry] = [("maxUnavailable", .number(1)), ("selector", .mapping([("matchLabels", selector)]))]
        result.append(object(.podDisruptionBudget, [("spec", .mapping(budget))]))
        if let most = settings.maximumReplicas { result.append(autoscaler(most)) }
        return result
    }

    /// What there may be but is not wanted now.
    var unwanted: [ManagedObject.Key] {
        guard settings.maximumReplicas == nil else { return [] }
        return [
            ManagedObject.Key(kind: .horizontalPodAutoscaler, namespace: settings.name.namespace, name: name)
        ]
    }

    private func object(_ kind: ManagedObject.Kind, name: String? = nil, _ rest: [Entry]) -> ManagedObject {
        let key = ManagedObject.Key(kind: kind, namespace: settings.name.namespace, name: name ?? self.name)
        let owner: [Entry] = [
            ("apiVersion", .text("gateway.networking.k8s.io/v1")), ("controller", .flag(true)),
            ("kind", .text("Gateway")), ("name", .text(self.name)), ("uid", .text(settings.uid)),
        ]
        var metadata: [Entry] = [
            ("labels", labels), ("name", .text(key.name)), ("namespace", .text(key.namespace)),
            ("ownerReferences", .sequence([.mapping(owner)])),
        ]
        // As Istio has it: a client's node sends to a waypoint of its own zone while there is one.
        let near: [(key: String, value: String)] =
            kind == .service ? [("networking.istio.io/traffic-distribution", "PreferClose")] : []
        let annotations = near.filter { entry in !settings.annotations.contains { $0.key == entry.key } }
        if !(annotations + settings.annotations).isEmpty {
            metadata.append(("annotations", Self.map(annotations + settings.annotations)))
        }
        let head: [Entry] = [
            ("apiVersion", .text(kind.apiVersion)), ("kind", .text(kind.name)), ("metadata", .mapping(metadata)),
        ]
        return ManagedObject(key: key, value: .mapping(head + rest))
    }

    private static func map(_ entries: [(key: String, value: String)]) -> ManifestValue {
        .mapping(entries.map { ($0.key, .text($0.value)) })
    }

    private var selector: ManifestValue { Self.map([(WaypointLabel.gatewayName, name)]) }

    private var ownLabels: [(key: String, value: String)] {
        [
            (WaypointLabel.gatewayName, name), ("gateway.networking.k8s.io/gateway-class-name", settings.className),
            ManagedObject.label,
        ]
    }

    /// Ours come last: nobody's label may take a pod out of its Service, or into the mesh.
    private var labels: ManifestValue { merged(ownLabels) }

    private func merged(_ own: [(key: String, value: String)]) -> ManifestValue {
        Self.map(settings.labels.filter { entry in !own.contains { $0.key == entry.key } } + own)
    }

    // MARK: - Service

    private var serviceSpec: ManifestValue {
        let ports = [("status-port", 15_021), ("mesh", 15_008)].map { name, port in
            ManifestValue.mapping([
                ("name", .text(name)), ("port", .number(port)), ("protocol", .text("TCP")),
                ("targetPort", .number(port)),
            ])
        }
        return .mapping([
            ("ipFamilyPolicy", .text("PreferDualStack")), ("ports", .sequence(ports)), ("selector", selector),
            ("type", .text("ClusterIP")),
        ])
    }

    // MARK: - Deployment

    private var deploymentSpec: ManifestValue {
        var entries: [Entry] = [
            ("selector", .mapping([("matchLabels", selector)])),
            // A new pod is ready before an old one goes: also with one replica there is always one.
            (
                "strategy",
                .mapping([
                    ("rollingUpdate", .mapping([("maxSurge", .number(1)), ("maxUnavailable", .number(0))])),
                    ("type", .text("RollingUpdate")),
                ])
            ),
            ("template", .mapping([("metadata", podMetadata), ("spec", podSpec)])),
        ]
        // With an autoscaler the number of pods is its affair.
        if settings.maximumReplicas == nil { entries.append(("replicas", .number(settings.replicas))) }
        return .mapping(entries)
    }

    private var podMetadata: ManifestValue {
        let labels = merged(
            ownLabels + [
                (WaypointLabel.dataplaneMode, "none"), ("service.istio.io/canonical-name", name),
                ("service.istio.io/canonical-revision", "latest"),
            ])
        let annotations: [(key: String, value: String)] = [
            ("prometheus.io/path", "/metrics"), ("prometheus.io/port", "15020"), ("prometheus.io/scrape", "true"),
        ]
        let others = settings.annotations.filter { entry in !annotations.contains { $0.key == entry.key } }
        return .mapping([("annotations", Self.map(others + annotations)), ("labels", labels)])
    }

    private var podSpec: ManifestValue {
        func spread(_ topology: String) -> ManifestValue {
            .mapping([
                ("labelSelector", .mapping([("matchLabels", selector)])), ("maxSkew", .number(1)),
                ("topologyKey", .text(topology)), ("whenUnsatisfiable", .text("ScheduleAnyway")),
            ])
        }
        var volumes: [ManifestValue] = [
            .mapping([("emptyDir", .mapping([("sizeLimit", .text("1Gi"))])), ("name", .text("state"))])
        ]
        if usesAuthority {
            volumes.append(
                .mapping([
                    ("configMap", .mapping([("name", .text(rootsName))])), ("name", .text("ca-root")),
                ]))
            let token = ManifestValue.mapping([
                (
                    "serviceAccountToken",
                    .mapping([
                        ("audience", .text("istio-ca")), ("expirationSeconds", .number(43_200)),
                        ("path", .text("ca-token")),
                    ])
                )
            ])
            volumes.append(
                .mapping([
                    ("name", .text("ca-token")), ("projected", .mapping([("sources", .sequence([token]))])),
                ]))
        }
        return .mapping([
            ("containers", .sequence([container])),
            ("nodeSelector", .mapping([("kubernetes.io/os", .text("linux"))])),
            (
                "securityContext",
                .mapping([
                    ("fsGroup", .number(1337)), ("runAsGroup", .number(1337)),
                    ("runAsNonRoot", .flag(true)), ("runAsUser", .number(1337)),
                    ("seccompProfile", .mapping([("type", .text("RuntimeDefault"))])),
                ])
            ),
            ("serviceAccountName", .text(name)),
            // --drain-delay and --drain-timeout, and a little.
            ("terminationGracePeriodSeconds", .number(45)),
            (
                "topologySpreadConstraints",
                .sequence([spread("kubernetes.io/hostname"), spread("topology.kubernetes.io/zone")])
            ),
            ("volumes", .sequence(volumes)),
        ])
    }

    private var usesAuthority: Bool { !configuration.caAddress.isEmpty && !roots.isEmpty }

    private var arguments: [String] {
        var result = [
            "run", "--kubernetes", "--name=\(name)", "--namespace=\(settings.name.namespace)",
            "--service-account=\(name)", "--trust-domain=\(configuration.trustDomain)",
            "--cluster-domain=\(configuration.clusterDomain)", "--state-dir=/var/lib/ambit/waypoint",
            "--drain-delay=5s", "--log-format=json",
        ]
        if usesAuthority {
            result += [
                "--ca-address=\(configuration.caAddress)",
                "--ca-root-cert=/var/run/secrets/ambit/root-cert.pem",
                "--ca-token=/var/run/secrets/tokens/ca-token",
            ]
        }
        return result
    }

    private var container: ManifestValue {
        func probe(failures: Int, period: Int) -> ManifestValue {
            .mapping([
                ("failureThreshold", .number(failures)),
                ("httpGet", .mapping([("path", .text("/healthz/ready")), ("port", .number(15_021))])),
                ("periodSeconds", .number(period)),
            ])
        }
        func port(_ name: String, _ number: Int) -> ManifestValue {
            .mapping([("containerPort", .number(number)), ("name", .text(name)), ("protocol", .text("TCP"))])
        }
        func mount(_ name: String, _ path: String, readOnly: Bool) -> ManifestValue {
            var entries: [Entry] = [("mountPath", .text(path)), ("name", .text(name))]
            if readOnly { entries.append(("readOnly", .flag(true))) }
            return .mapping(entries)
        }
        var mounts = [mount("state", "/var/lib/ambit", readOnly: false)]
        if usesAuthority {
            mounts.append(mount("ca-root", "/var/run/secrets/ambit", readOnly: true))
            mounts.append(mount("ca-token", "/var/run/secrets/tokens", readOnly: true))
        }
        let podName = ManifestValue.mapping([
            ("name", .text("POD_NAME")),
            (
                "valueFrom",
                .mapping([("fieldRef", .mapping([("fieldPath", .text("metadata.name"))]))])
            ),
        ])
        return .mapping([
            ("args", .sequence(arguments.map { .text($0) })), ("command", .sequence([.text("ambit-waypoint")])),
            ("env", .sequence([podName])), ("image", .text(image)), ("name", .text("waypoint")),
            ("ports", .sequence([port("mesh", 15_008), port("metrics", 15_020), port("status-port", 15_021)])),
            ("readinessProbe", probe(failures: 4, period: 5)),
            // No liveness probe: a waypoint that is slow to answer still carries requests.
            ("startupProbe", probe(failures: 90, period: 1)),
            (
                "resources",
                .mapping([
                    ("limits", .mapping([("memory", .text("1Gi"))])),
                    ("requests", .mapping([("cpu", .text("100m")), ("memory", .text("64Mi"))])),
                ])
            ),
            (
                "securityContext",
                .mapping([
                    ("allowPrivilegeEscalation", .flag(false)),
                    ("capabilities", .mapping([("drop", .sequence([.text("ALL")]))])),
                    ("readOnlyRootFilesystem", .flag(true)),
                ])
            ),
            ("volumeMounts", .sequence(mounts)),
        ])
    }

    // MARK: - Autoscaler

    private func autoscaler(_ most: Int) -> ManagedObject {
        let target = ManifestValue.mapping([("averageUtilization", .number(80)), ("type", .text("Utilization"))])
        let metric = ManifestValue.mapping([
            ("resource", .mapping([("name", .text("cpu")), ("target", target)])), ("type", .text("Resource")),
        ])
        let reference: [Entry] = [
            ("apiVersion", .text("apps/v1")), ("kind", .text("Deployment")), ("name", .text(name)),
        ]
        return object(
            .horizontalPodAutoscaler,
            [
                (
                    "spec",
                    .mapping([
                        ("maxReplicas", .number(most)), ("metrics", .sequence([metric])),
                        ("minReplicas", .number(settings.replicas)), ("scaleTargetRef", .mapping(reference)),
                    ])
                )
            ])
    }
}
