// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// How endpoints are chosen, how many requests they get, and when they are left alone.
package struct TrafficPolicy: Equatable, Sendable {
    /// How an endpoint is chosen.
    package var loadBalancer = LoadBalancerPolicy()
    /// How many connections and requests there may be.
    package var connectionPool = ConnectionPoolPolicy()
    /// When an endpoint is left alone; nil: never.
    package var outlierDetection: OutlierDetection?
    /// TLS inside the tunnel, to the application itself; nil: none.
    package var tls: UpstreamTLS?
    /// How many tries may be made again; nil: what holds for the whole proxy.
    package var retryBudget: RetryBudget?

    /// What holds where nothing is said.
    package init() {}
}

/// How an endpoint is chosen.
package struct LoadBalancerPolicy: Equatable, Sendable {
    /// How an endpoint is chosen of those that are equally near.
    package enum Algorithm: Equatable, Sendable {
        /// The one with fewer requests under way of two taken at random.
        case leastRequest
        /// One after the other.
        case roundRobin
        /// Any.
        case random
        /// Where the client sent the request, if that is an endpoint.
        case passthrough
        /// The one with the lower latency (moving average that jumps to peaks), times the requests under way, of two taken at random.
        case peakEWMA
        /// The same for the same key, while the endpoints stay the same.
        case consistentHash(HashKey, minimumRingSize: UInt32)
    }

    /// What of a request names its endpoint.
    package enum HashKey: Hashable, Sendable {
        /// A header field, by its name in lower case.
        case header(String)
        /// A cookie.
        case cookie(HashCookie)
        /// The address of the client.
        case sourceAddress
        /// A query parameter.
        case query(String)
    }

    /// A cookie that names an endpoint.
    package struct HashCookie: Hashable, Sendable {
        /// The cookie's name.
        package var name: String
        /// The path it is for; empty: not said.
        package var path: String
        /// How long it lives, where we make it; nil: we do not make it.
        ///
        /// 0: as long as the session.
        package var timeToLive: Nanoseconds?
        /// Further attributes of a cookie that we make, each as it is written (`SameSite=Lax`).
        package var attributes: [String]

        /// Puts the parts together.
        package init(
            name: String, path: String = "", timeToLive: Nanoseconds? = nil, attributes: [String] = []
        ) {
            self.name = name
            self.path = path
            self.timeToLive = timeToLive
            self.attributes = attributes
        }
    }

    /// How new endpoints get their share little by little.
    package struct WarmUp: Hashable, Sendable {
        /// How long it takes.
        package var duration: Nanoseconds
        /// The share to begin with, in a hundred.
        package var minimumPercent: UInt32
        /// The curve: 1 is a straight line, more is faster at first.
        package var aggression: Double

        /// Puts the parts together.
        package init(duration: Nanoseconds, minimumPercent: UInt32 = 10, aggression: Double = 1) {
            self.duration = duration
            self.minimumPercent = minimumPercent
            self.aggression = aggression
        }
    }

    /// Which endpoints are near.
    package enum LocalityPolicy: Equatable, Sendable {
        /// Where the client is first, then these regions for a region, then the rest.
        case failover([String: String])
        /// Endpoints that share more of these labels with us, in this order, first.
        case failoverPriority([String])
        /// Shares in a hundred by where the client is: from locality to localities (`region/zone/subzone`, `*` for any).
        case distribute([String: [String: UInt32]])
        /// Every endpoint is as near as another.
        case off
    }

    /// How an endpoint is chosen of those that are equally near.
    package var algorithm = Algorithm.leastRequest
    /// How new endpoints get their share; nil: at once.
    package var warmUp: WarmUp?
    /// Which endpoints are near; nil: as the service says.
    package var locality: LocalityPolicy?

    /// The less loaded of two.
    package init() {}
}

/// How many connections and requests there may be; the defaults are Istio's.
package struct ConnectionPoolPolicy: Equatable, Sendable {
    /// Whether HTTP/1 requests go to the endpoint by HTTP/2.
    package enum Upgrade: Hashable, Sendable {
        /// As they came.
        case never
        /// By HTTP/2.
        case always
    }

    /// Connections to all endpoints.
    package var maximumConnections = UInt32.max
    /// How long a connection may take to be made.
    package var connectTimeout = Nanoseconds.seconds(10)
    /// How long an idle TCP connection is kept; 0: for ever.
    package var idleTimeout = Nanoseconds.seconds(3600)
    /// How long any connection is kept; nil: for ever.
    package var maximumConnectionDuration: Nanoseconds?
    /// Keep-alive probes: time before the first, interval, and number; nil: as the system says.
    package var keepAlive: KeepAlive?
    /// Requests that wait for a connection.
    package var maximumPendingRequests = UInt32.max
    /// Requests to all endpoints at a time.
    package var maximumRequests = UInt32.max
    /// Requests by one connection; 0: any number.
    package var maximumRequestsPerConnection: UInt32 = 0
    /// Tries again under way to all endpoints.
    package var maximumRetries = UInt32.max
    /// How long an idle HTTP connection is kept; 0: for ever.
    package var httpIdleTimeout = Nanoseconds.seconds(3600)
    /// Whether HTTP/1 requests go to the endpoint by HTTP/2.
    package var upgrade = Upgrade.never
    /// Whether a request goes to the endpoint by the version it came in.
    package var usesClientProtocol = false
    /// Streams at a time by one connection.
    package var maximumConcurrentStreams: UInt32 = 0x7FFF_FFFF

    /// Keep-alive probes of TCP.
    package struct KeepAlive: Hashable, Sendable {
        /// The time before the first probe.
        package var time: Nanoseconds?
        /// The time between probes.
        package var interval: Nanoseconds?
        /// How many probes may stay unanswered.
        package var probes: UInt32?

        /// As the system says; the rest is set afterwards.
        package init() {}
    }

    /// No limit.
    package init() {}
}

/// When an endpoint is left alone for a while; the defaults are Istio's.
package struct OutlierDetection: Hashable, Sendable {
    /// Responses of 500 to 599 in a row, connect failures included; 0: these do not count.
    package var consecutive5xxErrors: UInt32 = 5
    /// Responses of 502 to 504 in a row; 0: these do not count by themselves.
    package var consecutiveGatewayErrors: UInt32 = 0
    /// Whether connect failures are counted apart from responses.
    package var splitsLocalErrors = false
    /// Connect failures in a row, where they are counted apart; 0: these do not count.
    package var consecutiveLocalFailures: UInt32 = 5
    /// How often it is looked whether endpoints may come back.
    package var interval = Nanoseconds.seconds(10)
    /// How long an endpoint is left alone, times the number of times it was.
    package var baseEjectionTime = Nanoseconds.seconds(30)
    /// How many endpoints in a hundred may be left alone at a time; one always may.
    package var maximumEjectionPercent: UInt32 = 10
    /// Nobody is left alone any more while fewer endpoints in a hundred are healthy.
    package var minimumHealthPercent: UInt32 = 0

    /// Istio's defaults.
    package init() {}
}

/// TLS to the application, inside the tunnel.
package struct UpstreamTLS: Hashable, Sendable {
    /// The host name for SNI; empty: that of the request.
    package var serverName = ""
    /// Names one of which the certificate must have; empty: `serverName`.
    package var subjectAltNames: [String] = []
    /// A file of the roots; empty: the system's.
    package var caCertificates = ""
    /// A file of our certificate; empty: none (`SIMPLE`).
    package var clientCertificate = ""
    /// A file of its key.
    package var privateKey = ""
    /// A Secret with the above; empty: the files count.
    package var credentialName = ""
    /// Whether the certificate is not looked at.
    package var skipsVerification = false

    /// TLS with the system's roots.
    package init() {}
}
