// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The labels of `istio_requests_total` and its histograms, in Istio's order (reference: istio.stats).
package struct HTTPLabels: SeriesLabels {
    /// What requests were.
    package enum RequestProtocol: String, Sendable {
        case http
        case grpc
    }

    /// The client.
    package var source = PeerLabels()
    /// The endpoint.
    package var destination = PeerLabels()
    /// The host name of the service that was called.
    package var destinationService = ""
    /// The namespace of that service.
    package var destinationServiceNamespace = ""
    /// Its name.
    package var destinationServiceName = ""
    /// What requests were.
    package var requestProtocol = RequestProtocol.http
    /// The status of the answer; 0 when there was none.
    package var responseCode: UInt16 = 0
    /// The gRPC status of the answer; nil when it is not gRPC or has none.
    package var grpcStatus: UInt8?
    /// What was unusual.
    package var flags: RequestFlags = []
    /// Whether the client came by mutual TLS.
    package var isMutualTLS = false

    /// Labels of nothing.
    package init() {}

    /// Istio's label set for `reporter="waypoint"`.
    package var text: LabelText {
        func known(_ value: String) -> String { value.isEmpty ? "unknown" : value }
        var text = LabelText([
            ("reporter", "waypoint"),
            ("source_workload", known(source.workload)),
            ("source_canonical_service", known(source.canonicalService)),
            ("source_canonical_revision", known(source.canonicalRevision)),
            ("source_workload_namespace", known(source.namespace)),
            ("source_principal", known(source.principal)),
            ("source_app", known(source.app)),
            ("source_version", known(source.version)),
            ("source_cluster", known(source.cluster)),
            ("destination_workload", known(destination.workload)),
            ("destination_workload_namespace", known(destination.namespace)),
            ("destination_principal", known(destination.principal)),
            ("destination_app", known(destination.app)),
            ("destination_version", known(destination.version)),
            ("destination_service", known(destinationService)),
            ("destination_canonical_service", known(destination.canonicalService)),
            ("destination_canonical_revision", known(destination.canonicalRevision)),
            ("destination_service_name", known(destinationServiceName)),
            ("destination_service_namespace", known(destinationServiceNamespace)),
            ("destination_cluster", known(destination.cluster)),
            ("request_protocol", requestProtocol.rawValue),
            ("response_code", "\(responseCode)"),
            ("response_flags", flags.label),
            ("connection_security_policy", isMutualTLS ? "mutual_tls" : "none"),
        ])
        if requestProtocol == .grpc { text.append("grpc_response_status", grpcStatus.map { "\($0)" } ?? "") }
        return text
    }
}
