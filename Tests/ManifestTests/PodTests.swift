// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import Testing

@testable internal import Manifest

@Suite("Pods and namespaces")
struct PodTests {
    @Test("A pod becomes a workload with identity, place, readiness and origin")
    func workload() throws {
        let outcome = try translated(
            """
            apiVersion: v1
            kind: Node
            metadata:
              name: n1
              labels: {topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1}
            """,
            pod(
                "web-5d4f8-x2x", labels: "{app: web, version: v2, pod-template-hash: 5d4f8}",
                spec: "{nodeName: n1, serviceAccountName: web-sa}",
                status: "{podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}], phase: Running, "
                    + "conditions: [{type: Ready, status: 'False'}]}",
                metadata:
                    "ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f8, controller: true}]"))
        let workload = try #require(outcome.workload("web-5d4f8-x2x"))
        #expect(outcome.findings == [])
        #expect(workload.uid == "Kubernetes//Pod/default/web-5d4f8-x2x")
        #expect(workload.serviceAccount == "web-sa" && workload.trustDomain == "cluster.local")
        #expect(workload.addresses.map(\.description) == ["10.0.0.1", "fd00::1"])
        #expect(workload.node == "n1" && workload.locality == Locality(region: "eu", zone: "eu-1"))
        #expect(!workload.isReady && workload.isPod && !workload.isHostNetwork)
        #expect(workload.workloadType == .deployment && workload.workloadName == "web")
        #expect(workload.canonicalName == "web" && workload.canonicalRevision == "v2")
        #expect(workload.tunnelProtocol == .tcp)
    }

    @Test(
        "Enrolment: the pod's label wins over its namespace's, none opts out, the host's network never",
        arguments: [
            ("{}", "{}", "{}", "{}", false),
            ("{istio.io/dataplane-mode: ambient}", "{}", "{}", "{}", true),
            ("{istio.io/dataplane-mode: ambient}", "{istio.io/dataplane-mode: none}", "{}", "{}", false),
            ("{}", "{istio.io/dataplane-mode: ambient}", "{}", "{}", true),
            ("{istio.io/dataplane-mode: none}", "{istio.io/dataplane-mode: ambient}", "{}", "{}", true),
            ("{istio.io/dataplane-mode: ambient}", "{}", "{hostNetwork: true}", "{}", false),
            ("{istio.io/dataplane-mode: ambient}", "{}", "{}", "{sidecar.istio.io/status: x}", false),
        ])
    func enrolment(
        _ namespace: String, _ labels: String, _ spec: String, _ annotations: String, _ isEnrolled: Bool
    ) throws {
        let outcome = try translated(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: \(namespace)}\n",
            pod("a", labels: labels, annotations: annotations, spec: spec))
        #expect(outcome.enrollment("a")?.isEnrolled == isEnrolled)
        #expect(outcome.workload("a")?.tunnelProtocol == (isEnrolled ? .hbone : .tcp))
    }

    @Test("A pod that speaks HBONE itself takes it without being captured")
    func nativeTunnel() throws {
        let outcome = try translated(
            pod("a", labels: "{networking.istio.io/tunnel: http, istio.io/dataplane-mode: none}"),
            pod("b", annotations: "{ambient.istio.io/redirection: enabled}"),
            pod("c", annotations: "{ambient.istio.io/redirection: enabled, ambit.dev/redirection: enabled}"))
        #expect(outcome.workload("a")?.tunnelProtocol == .hbone && outcome.enrollment("a")?.isEnrolled == false)
        #expect(outcome.workload("b")?.tunnelProtocol == .hbone)
        // Our own word, which goes later than the label.
        #expect(outcome.workload("c")?.tunnelProtocol != .hbone)
    }

    @Test("A finished pod is no workload, a pod without Ready condition is ready while it runs")
    func phases() throws {
        let outcome = try translated(
            pod("a", status: "{podIP: 10.0.0.1, phase: Succeeded}"),
            pod("b", status: "{podIP: 10.0.0.2, phase: Pending}"),
            pod("c", status: "{podIP: 10.0.0.3}"))
        #expect(outcome.workload("a") == nil)
        #expect(outcome.workload("b")?.isReady == false)
        #expect(outcome.workload("c")?.isReady == true)
    }

    @Test(
        "The object behind a pod names the workload",
        arguments: [
            ("StatefulSet", "db", WorkloadType.statefulSet, "db"),
            ("DaemonSet", "agent", .daemonSet, "agent"),
            ("Job", "import", .job, "import"),
            ("Job", "report-28512345", .cronJob, "report"),
            ("ReplicaSet", "bare", .deployment, "bare"),
            ("Foo", "x", .pod, "a"),
        ])
    func origins(_ kind: String, _ name: String, _ type: WorkloadType, _ workloadName: String) throws {
        let outcome = try translated(
            pod("a", metadata: "ownerReferences: [{kind: \(kind), name: \(name), controller: true}]"))
        #expect(outcome.workload("a")?.workloadType == type)
        #expect(outcome.workload("a")?.workloadName == workloadName)
    }

    @Test("Annotations exclude ports and addresses; what is wrong in them is reported and captured")
    func exclusions() throws {
        let outcome = try translated(
            pod(
                "a",
                annotations: """
                    {ambit.dev/netns: /run/netns/a, ambit.dev/exclude-inbound-ports: "22, 8000-8100,x",
                        traffic.sidecar.istio.io/excludeOutboundPorts: "3306", ambit.dev/exclude-outbound-ports: "53",
                        ambit.dev/exclude-outbound-cidrs: "10.1.0.0/16,fd00::/8",
                        traffic.sidecar.istio.io/excludeOutboundIPRanges: 192.168.0.1/32,
                        ambit.dev/exclude-inbound-cidrs: "10.2.0.0/33"}
                    """))
        let enrollment = try #require(outcome.enrollment("a"))
        #expect(enrollment.networkNamespacePath == "/run/netns/a")
        #expect(enrollment.excludedInboundPorts == [22...22, 8000...8100])
        #expect(enrollment.excludedOutboundPorts == [53...53, 3306...3306])
        #expect(
            enrollment.excludedOutboundCIDRs.map(\.description) == ["10.1.0.0/16", "fd00::/8", "192.168.0.1/32"])
        #expect(enrollment.excludedInboundCIDRs == [])
        #expect(
            outcome.findings.map { $0.contains("\"x\" is ignored") || $0.contains("\"10.2.0.0/33\" is ignored") }
                == [true, true])
    }

    @Test("bypass-inbound-capture leaves every inbound port alone; a relative netns path captures nothing")
    func bypassAndPath() throws {
        let outcome = try translated(
            pod("a", annotations: "{ambient.istio.io/bypass-inbound-capture: \"true\"}"),
            pod("b", labels: "{istio.io/dataplane-mode: ambient}", annotations: "{ambit.dev/netns: run/b}"))
        #expect(outcome.enrollment("a")?.excludedInboundPorts == [1...UInt16.max])
        #expect(outcome.enrollment("b")?.isEnrolled == false)
        #expect(outcome.findings.count == 1)
    }

    @Test("Enrolments are those of our node")
    func ownNode() throws {
        var options = TranslationOptions()
        options.node = "n1"
        let outcome = try translated(
            pod("a", spec: "{nodeName: n1}"), pod("b", spec: "{nodeName: n2}"), options: options)
        #expect(outcome.enrollment("a") != nil && outcome.enrollment("b") == nil)
        #expect(outcome.workload("b") != nil)
    }

    @Test("An object without namespace is in default; the namespace of a cluster-scoped object is ignored")
    func defaultNamespace() throws {
        let outcome = try translated(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n"
                + "apiVersion: v1\nkind: Namespace\nmetadata: {name: x, namespace: y, labels: {istio.io/use-waypoint: w}}"
        )
        #expect(outcome.workload("a")?.namespace == "default")
        #expect(
            outcome.model.namespaces == [MeshNamespace(name: "x", waypoint: .gateway(namespace: "x", name: "w"))])
    }
}
