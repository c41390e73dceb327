// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import HTTP2
internal import Identity
package import Manifest
internal import Routing

// What follows from the configuration.
extension TunnelConfiguration {
    /// The listeners of a pod; in the tunnel's own namespace too, where whoever runs it may redirect by rules of their own.
    var listeners: [(Listener.Purpose, UInt16)] {
        [(.inboundHBONE, hbonePort), (.outbound, outboundPort), (.inboundPlaintext, inboundPlaintextPort)]
    }

    /// Ports at which a captured connection would come back to us.
    var ownPorts: IllegalPorts {
        var ports = IllegalPorts()
        ports.outbound = outboundPort
        ports.plaintextInbound = inboundPlaintextPort
        ports.hbone = hbonePort
        return ports
    }

    /// What stands before the place of something in the configuration, for messages.
    var sourceName: String { followsCluster ? "" : configDirectory + "/" }

    /// How manifests become a mesh.
    package var translation: TranslationOptions {
        var options = TranslationOptions()
        options.rootNamespaces = rootNamespaces
        options.clusterDomain = clusterDomain
        options.trustDomain = trustDomain.name
        options.clusterID = clusterID
        options.network = network
        options.node = nodeName
        // In a cluster who writes a pod is not who owns the node.
        options.readsNamespacePaths = !followsCluster
        return options
    }

    /// HTTP/2 for tunnels: the defaults of the core.
    var http2: HTTP2Configuration { HTTP2Configuration() }
}
