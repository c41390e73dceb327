// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Certificates
internal import HTTP1
internal import HTTP2
internal import Identity
package import Manifest

// What follows from the configuration.
extension WaypointConfiguration {
    /// How manifests become a mesh.
    package var translation: TranslationOptions {
        var options = TranslationOptions()
        options.rootNamespaces = rootNamespaces
        options.clusterDomain = clusterDomain
        options.trustDomain = trustDomain.name
        options.clusterID = clusterID
        options.network = network
        return options
    }

    /// Where certificates come from: a waypoint asks for its own account only.
    var certificates: CertificateSettings {
        var source = CertificateSettings.Source.directory(caDirectory)
        if let caAddress {
            var service = CertificateSettings.Service(
                host: caAddress.host, port: caAddress.port, rootsFile: caRootsFile, tokenFile: caTokenFile)
            service.clusterID = clusterID
            service.impersonates = false
            source = .service(service)
        }
        var settings = CertificateSettings(source: source, trustDomain: trustDomain)
        settings.validitySeconds = svidValiditySeconds
        return settings
    }

    /// HTTP/2 of tunnels: many more streams than a tunnel of one pod, each with a window that a slow reader may fill.
    var carrierHTTP2: HTTP2Configuration {
        var result = HTTP2Configuration()
        result.maxConcurrentStreams = 1_000
        result.initialStreamWindow = 256 * 1024
        result.maxStreamWindow = 1 << 20
        return result
    }

    /// HTTP/2 of clients: windows as Envoy's edge guide has them for each stream.
    var downstreamHTTP2: HTTP2Configuration {
        var result = HTTP2Configuration.proxy
        result.initialStreamWindow = 65_535
        result.connectionWindow = 1 << 20
        result.maxStreamWindow = 1 << 20
        result.maxConcurrentStreams = 1_000
        result.maxHeaderListSize = 61_440
        return result
    }

    /// HTTP/2 to endpoints.
    var upstreamHTTP2: HTTP2Configuration {
        var result = HTTP2Configuration.proxy
        result.initialStreamWindow = 65_535
        result.connectionWindow = 1 << 20
        result.maxStreamWindow = 1 << 20
        result.maxLocalStreams = 1_000
        result.maxHeaderListSize = 61_440
        return result
    }
}
