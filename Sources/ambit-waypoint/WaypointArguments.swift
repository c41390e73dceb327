// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import Kubernetes
internal import LinuxIO
internal import Operator

/// The options of the commands about waypoints.
struct WaypointArguments {
    /// How an answer is shown.
    enum Form: String, CaseIterable {
        case table
        case json
    }

    var config = ""
    var followsCluster = false
    var kubeconfig = ""
    var context = ""
    var namespace = "default"
    var hasNamespace = false
    var name = "waypoint"
    var hasName = false
    var names: [String] = []
    var trafficType = ""
    var revision = ""
    var enrollsNamespace = false
    var overwrites = false
    var waits = false
    var timeout = Nanoseconds.seconds(90)
    var addresses: [String] = []
    var serviceAccount = ""
    var readinessPort: UInt16 = 15_021
    var assumesReady = false
    var isAllNamespaces = false
    var isAll = false
    var unlabels = false
    var form = Form.table
    var host = ""
    var port: UInt16 = 0
    var method = "GET"
    var path = "/"
    var headers: [String] = []
    var from = ""

    static var config: Option<WaypointArguments> {
        .text("config", "DIR", \.config, "Folder with the mesh's manifests.").from("AMBIT_CONFIG")
    }
    static var kubernetes: Option<WaypointArguments> {
        Option(flag: "kubernetes", \.followsCluster, "The cluster's API server instead of a folder.")
    }
    static var kubeconfigFile: Option<WaypointArguments> {
        .text("kubeconfig", "FILE", \.kubeconfig, "How to reach it; not given, as pods or kubectl do.")
    }
    static var contextName: Option<WaypointArguments> {
        .text("context", "NAME", \.context, "Context of the kubeconfig; not given, its current one.")
    }
    /// Where the mesh is described.
    static var source: [Option<WaypointArguments>] { [config, kubernetes, kubeconfigFile, contextName] }
    static var namespace: Option<WaypointArguments> {
        .text("namespace", "NAME", \.ownNamespace, "Namespace of the waypoint.").orLetter("n")
    }
    static var name: Option<WaypointArguments> {
        .text("name", "NAME", \.ownName, "Name of the waypoint.")
    }
    static var traffic: Option<WaypointArguments> {
        Option(
            "for", "all|none|service|workload", \.trafficType, "Traffic that it takes; not given, services.",
            expected: "all, none, service or workload", show: { $0 },
            read: { WaypointManifest.TrafficType(rawValue: $0) == nil ? nil : $0 })
    }
    static var revision: Option<WaypointArguments> {
        .text("revision", "NAME", \.revision, "Revision label of the waypoint.").orLetter("r")
    }
    static var waypointTimeout: Option<WaypointArguments> {
        .duration("waypoint-timeout", \.timeout, "How long to wait.")
    }
    static var readinessPort: Option<WaypointArguments> {
        .port("readiness-port", \.readinessPort, "Port at which the proxy says whether it is ready.")
    }
    static var output: Option<WaypointArguments> {
        .choice("output", \.form, "Lined-up columns, or JSON for programs.").orLetter("o")
    }
    static var allNamespaces: Option<WaypointArguments> {
        Option(flag: "all-namespaces", \.isAllNamespaces, "Waypoints of all namespaces.").orLetter("A")
    }

    private var ownNamespace: String {
        get { namespace }
        set {
            namespace = newValue
            hasNamespace = true
        }
    }

    private var ownName: String {
        get { name }
        set {
            name = newValue
            hasName = true
        }
    }

    /// The folder.
    func folder() throws(UsageError) -> ConfigurationFolder {
        guard !config.isEmpty else {
            throw UsageError(
                "--config DIR (or $AMBIT_CONFIG; the folder with the mesh's manifests) or --kubernetes is needed")
        }
        return ConfigurationFolder(config)
    }

    /// The cluster, when one is meant; its namespace counts where none was given.
    mutating func cluster() throws -> ClusterWaypoints? {
        guard followsCluster || !kubeconfig.isEmpty || !context.isEmpty else { return nil }
        guard config.isEmpty else { throw UsageError("--config and --kubernetes exclude each other") }
        let credentials = try ClusterCredentials.find(
            kubeconfig: kubeconfig, context: context, environment: ProcessEnvironment.value)
        if !hasNamespace { namespace = credentials.namespace }
        return ClusterWaypoints(
            session: try ClusterSession(credentials), pause: MonotonicClock.sleep,
            say: { Terminal.print($0 + "\n") }, warn: { Terminal.complain("warning", $0) })
    }

    /// The waypoint that the options name.
    func waypoint(_ name: String) throws(UsageError) -> WaypointName {
        do { return try WaypointName(namespace: namespace, name: name) } catch { throw UsageError("\(error)") }
    }

    /// The waypoint's manifest.
    func manifest() throws(UsageError) -> WaypointManifest {
        var manifest = WaypointManifest(try waypoint(name))
        manifest.trafficType = WaypointManifest.TrafficType(rawValue: trafficType)
        manifest.revision = revision.isEmpty ? nil : revision
        return manifest
    }

    /// Who changes the folder, and tells of it.
    func waypointOperator() throws(UsageError) -> WaypointOperator {
        let port = readinessPort
        return WaypointOperator(
            folder: try folder(), probe: { ReadinessProbe.ask($0, port: port) }, pause: MonotonicClock.sleep,
            say: { Terminal.print($0 + "\n") }, warn: { Terminal.complain("warning", $0) })
    }
}
