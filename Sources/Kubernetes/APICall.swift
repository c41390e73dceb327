// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// One request that is under way, and what of its answer has come.
struct APICall {
    let context: UInt64
    let deadline: MonotonicTime
    /// How long nothing may come, and when that time is over.
    var silence: Nanoseconds
    var silenceEnds: MonotonicTime
    var delivery: APIRequest.Delivery
    var status = 0
    var retryAfter: Nanoseconds?
    var splitter = JSONSplitter(.values)
    private var body: [UInt8] = []

    init(_ request: APIRequest, context: UInt64, now: MonotonicTime) {
        self.context = context
        deadline = now + request.timeout
        silence = request.silence
        silenceEnds = now + request.silence
        delivery = request.delivery
        if case .pieces(let shape) = request.delivery { splitter = JSONSplitter(shape) }
    }

    /// Something came.
    mutating func cameAlive(_ now: MonotonicTime) { silenceEnds = now + silence }

    private var isGood: Bool { (200..<300).contains(status) }

    mutating func take(_ octets: Span<UInt8>, into pieces: inout [[UInt8]]) throws(KubernetesError) {
        if isGood, case .pieces = delivery { return try splitter.receive(octets, into: &pieces) }
        guard body.count + octets.count <= (isGood ? APICalls.maximumBody : APICalls.maximumProblem) else {
            throw .tooLarge
        }
        body.append(copying: octets)
    }

    /// How the answer ends when nothing more comes.
    var end: APIReply.End {
        guard isGood, case .pieces = delivery else { return .complete(body) }
        return splitter.isBetweenValues ? .complete(splitter.rest) : .failed(.malformed)
    }

    func reply(_ pieces: [[UInt8]], _ end: APIReply.End?) -> APIReply {
        APIReply(context: context, status: status, retryAfter: retryAfter, pieces: pieces, end: end)
    }
}
