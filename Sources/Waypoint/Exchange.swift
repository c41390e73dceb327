// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP1
internal import HTTP2
internal import HTTPRouting
internal import Mesh
internal import Routing
internal import Telemetry

/// One request and its answer, or one connection that is passed on as it is.
struct Exchange: ~Copyable {
    typealias Key = Slab<Exchange>.Key

    enum Phase {
        /// Waits for its turn: a decision, or the next try.
        case routing
        /// Waits for a time: a delay on purpose, or the pause before the next try.
        case pausing
        /// Waits for a connection.
        case connecting
        /// The request is on its way.
        case sent
        /// It is answered by us; the rest of the request is dropped.
        case answered
    }

    struct Flags: OptionSet {
        let rawValue: UInt32

        /// The client has sent all of the request.
        static let requestEnded = Flags(rawValue: 1 << 0)
        /// All of the request was sent on.
        static let requestSent = Flags(rawValue: 1 << 1)
        /// The head of the final response was sent on.
        static let responseStarted = Flags(rawValue: 1 << 2)
        /// The endpoint has sent all of the response.
        static let responseEnded = Flags(rawValue: 1 << 3)
        /// All of the response was sent on.
        static let responseSent = Flags(rawValue: 1 << 4)
        /// The client is asked to wait with its content.
        static let requestPaused = Flags(rawValue: 1 << 5)
        /// The endpoint is asked to wait with its content.
        static let responsePaused = Flags(rawValue: 1 << 6)
        /// Content is octets without frames on HTTP/1 sides: after 101, after CONNECT, or TCP.
        static let raw = Flags(rawValue: 1 << 7)
        /// The client speaks gRPC: our own answers are trailers-only.
        static let grpc = Flags(rawValue: 1 << 8)
        /// The client is gone, or its stream is over.
        static let clientGone = Flags(rawValue: 1 << 9)
        /// Its end is in the list of what is to be done.
        static let finishing = Flags(rawValue: 1 << 10)
        /// The request came by HTTP/2.
        static let isHTTP2 = Flags(rawValue: 1 << 11)
        /// The connection was used before: if it turns out to be closed, another one is taken.
        static let onReusedConnection = Flags(rawValue: 1 << 12)
        /// Octets of the request's content were sent and not kept: it cannot be sent again.
        static let notReplayable = Flags(rawValue: 1 << 13)
        /// Not HTTP at all.
        static let tcp = Flags(rawValue: 1 << 14)
        /// A copy of another exchange's request: nobody waits for its answer.
        static let mirror = Flags(rawValue: 1 << 15)
        /// Not HTTP, and where it goes depends on the server name, which has not come yet.
        static let awaitsServerName = Flags(rawValue: 1 << 21)
        /// An upgrade towards an HTTP/1 endpoint is not agreed to yet: content of an HTTP/2 client waits.
        static let upgrading = Flags(rawValue: 1 << 20)
        /// The routes were asked.
        static let decided = Flags(rawValue: 1 << 19)
        /// It counts as under way at its endpoint.
        static let countsAtEndpoint = Flags(rawValue: 1 << 18)
        /// Sent content is kept for another try.
        static let keepsReplay = Flags(rawValue: 1 << 16)
        /// It counts as a retry in the budget.
        static let countsAsRetry = Flags(rawValue: 1 << 17)
        /// No request, but octets on their way to the worker that serves them.
        static let relay = Flags(rawValue: 1 << 22)
        /// The client's last octets, and its end, are not written yet to where nothing frames them.
        static let awaitsFlush = Flags(rawValue: 1 << 23)
    }

    var phase = Phase.routing
    var flags: Flags = []
    let downstream: Downstream.Key
    /// The stream on the client's connection (HTTP/2).
    let clientStream: StreamHandle?
    let heads: Heads.Key
    var upstream: Upstream.Key?
    /// The stream on the endpoint's connection (HTTP/2).
    var upstreamStream: StreamHandle?
    /// What is known of the request's content.
    var requestLength = HTTP1ContentLength.none
    /// Content that the endpoint's connection does not take yet.
    var toUpstream = BufferQueue()
    /// As many of them are needed before another look for the server name is worth it.
    var awaitedOctets = 0
    /// Content that the client's connection does not take yet.
    var toDownstream = BufferQueue()
    /// Octets taken from the client's HTTP/2 stream and not announced while it is paused.
    var uncreditedRequest = 0
    /// Octets taken from the endpoint's HTTP/2 stream and not announced while it is paused.
    var uncreditedResponse = 0

    /// Content that was sent, while it may have to be sent again.
    var replay = BufferQueue()

    // What it was addressed to and where it goes; indexes are those of the frontend's epoch.
    let frontend: Frontend
    var decision: RouteDecision?
    var cluster: ClusterIndex?
    var hash = EndpointHash()
    var endpoint: RouteEndpoint?
    var target: Target.Key?
    var tried = TriedWorkloads()
    var tries: UInt32 = 0
    /// When all tries together are over, and the one under way; when the pause is.
    var deadline = MonotonicTime.distantFuture
    var tryDeadline = MonotonicTime.distantFuture
    /// The deadline of the timer that is armed.
    var armed = MonotonicTime.distantFuture
    /// Exchanges that get a copy of the request.
    var mirrors: [Exchange.Key] = []

    // For telemetry.
    let client: Client
    let started: MonotonicTime
    var upstreamStarted = MonotonicTime(nanoseconds: 0)
    var firstByte = MonotonicTime(nanoseconds: 0)
    var requestBytes: UInt64 = 0
    var responseBytes: UInt64 = 0
    var status: UInt16 = 0
    // Not `[]`, which asks another module for its witnesses (measured: 1 % of CPU).
    var outcome = RequestFlags(rawValue: 0)
    var grpcStatus: UInt8?
    var details: StaticString = "via_upstream"
    /// What counts it when it is a connection that has been passed on.
    var series: TCPSeries?
    /// What the endpoint was spoken to in.
    var isUpstreamHTTP2 = false

    init(
        downstream: Downstream.Key, stream: StreamHandle?, heads: Heads.Key, client: Client, frontend: Frontend,
        now: MonotonicTime
    ) {
        self.downstream = downstream
        clientStream = stream
        self.heads = heads
        self.client = client
        self.frontend = frontend
        started = now
    }

    /// Whether both messages are through.
    var isComplete: Bool {
        guard flags.isSuperset(of: [.requestEnded, .responseSent]), !flags.contains(.awaitsFlush) else { return false }
        // An endpoint that has said all may still listen.
        return !flags.contains(.tcp) || flags.contains(.requestSent)
    }

    /// Octets of the endpoint are the client's: what is not HTTP may come together with the news that there is a connection.
    var takesResponse: Bool { phase == .sent || phase == .connecting && flags.contains(.tcp) }

    /// Nothing was sent to the client yet, so that another answer is possible.
    var canAnswer: Bool { !flags.contains(.responseStarted) && phase != .answered }
}
