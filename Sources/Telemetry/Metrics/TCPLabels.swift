// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The labels of the `istio_tcp_*` metrics, in Istio's order.
package struct TCPLabels: SeriesLabels {
    /// Who reports.
    package var reporter: Reporter
    /// The client.
    package var source = PeerLabels()
    /// The server.
    package var destination = PeerLabels()
    /// The host name of the service that was called; empty when the call was not to a service.
    package var destinationService = ""
    /// The namespace of that service.
    package var destinationServiceNamespace = ""
    /// Its name.
    package var destinationServiceName = ""
    /// How the connection failed: a failed connection is counted in a series of its own.
    package var responseFlags = ResponseFlags.none
    /// The same in Envoy's words, where a waypoint reports.
    package var requestFlags = RequestFlags(rawValue: 0)
    /// Whether the connection between the two ends is mutual TLS.
    package var isMutualTLS = false

    /// Labels of which only the reporter is known.
    package init(reporter: Reporter) {
        self.reporter = reporter
    }

    /// Istio's label set, in the order in which ztunnel writes it.
    package var text: LabelText {
        func known(_ value: String) -> String { value.isEmpty ? "unknown" : value }
        var text = LabelText([
            ("reporter", reporter.label),
            ("source_workload", known(source.workload)),
            ("source_canonical_service", known(source.canonicalService)),
            ("source_canonical_revision", known(source.canonicalRevision)),
            ("source_workload_namespace", known(source.namespace)),
            ("source_principal", known(source.principal)),
            ("source_app", known(source.app)),
            ("source_version", known(source.version)),
            ("source_cluster", known(source.cluster)),
            ("destination_service", known(destinationService)),
            ("destination_service_namespace", known(destinationServiceNamespace)),
            ("destination_service_name", known(destinationServiceName)),
            ("destination_workload", known(destination.workload)),
            ("destination_canonical_service", known(destination.canonicalService)),
            ("destination_canonical_revision", known(destination.canonicalRevision)),
            ("destination_workload_namespace", known(destination.namespace)),
            ("destination_principal", known(destination.principal)),
            ("destination_app", known(destination.app)),
            ("destination_version", known(destination.version)),
            ("destination_cluster", known(destination.cluster)),
            ("request_protocol", "tcp"),
            ("response_flags", reporter == .waypoint ? requestFlags.label : responseFlags.label),
            ("connection_security_policy", isMutualTLS ? "mutual_tls" : "unknown"),
        ])
        if !source.region.isEmpty { text.append("source_region", source.region) }
        if !source.zone.isEmpty { text.append("source_zone", source.zone) }
        if !destination.region.isEmpty { text.append("destination_region", destination.region) }
        if !destination.zone.isEmpty { text.append("destination_zone", destination.zone) }
        return text
    }
}
