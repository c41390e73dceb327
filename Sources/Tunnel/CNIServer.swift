// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CNI
internal import Kubernetes
internal import LinuxIO

/// Where the CNI plugin of the node asks: a socket of the file system, for root alone.
///
/// Without a thread of its own: the control loop polls `descriptors`, and calls `receive` and `settle`. Each connection brings one
/// request and gets one answer; the answer may take until the pod has joined. Owned by the control thread.
final class CNIServer {
    private final class Connection {
        let descriptor: OwnedDescriptor
        var line: [UInt8] = []
        /// What is asked, once it is complete.
        var request: CNIRequest?
        /// When it came, then when its request was complete.
        var since: MonotonicTime

        init(_ descriptor: consuming OwnedDescriptor, since: MonotonicTime) {
            self.descriptor = descriptor
            self.since = since
        }
    }

    private let listener: OwnedDescriptor
    private var connections: [Connection] = []
    /// Whether somebody may be waiting who could not be accepted: the listener stays readable then, and is asked later.
    private var isAcceptPaused = false

    /// Pods that may start at once on a node; kubelet has 110 by default, and 250 where many are wanted.
    private static let maximumConnections = 1_024
    /// How long a request may take to arrive; it is one write.
    private static let requestTimeout = Nanoseconds.seconds(2)
    /// How long the API server may take to tell of a pod that starts.
    private static let patience = Nanoseconds.seconds(5)
    /// How long a pod may take to join; a plugin that has gone before hears nothing.
    private static let joinTimeout = Nanoseconds.seconds(15)

    /// Listens at `path`, in the place of a tunnel before.
    init(path: String) throws(SystemError) {
        listener = try UnixSocket.listen(path)
    }

    /// What may become readable.
    var descriptors: [CInt] {
        (isAcceptPaused ? [] : [listener.rawValue])
            + connections.lazy.filter { $0.request == nil }.map { $0.descriptor.rawValue }
    }

    /// Whether somebody waits for an answer, or to be accepted: `receive` and `settle` are to be called within a second.
    var isBusy: Bool { isAcceptPaused || !connections.isEmpty }

    /// Takes new connections and what they bring.
    ///
    /// - Returns: the requests that are complete now.
    func receive(now: MonotonicTime) -> [CNIRequest] {
        accept(now: now)
        var complete: [CNIRequest] = []
        connections.removeAll { connection in
            guard connection.request == nil else { return false }
            switch Self.read(connection) {
            case .pending: return now - connection.since >= Self.requestTimeout
            case .broken: return true
            case .complete(let request):
                connection.request = request
                connection.since = now
                complete.append(request)
                return false
            }
        }
        return complete
    }

    /// Answers who can be answered.
    ///
    /// - Parameter judge: the answer to a request; nil while there is none yet, with what it waits for.
    /// - Returns: the pods that must not start, and why.
    func settle(now: MonotonicTime, _ judge: (CNIRequest) -> Standing) -> [(request: CNIRequest, text: String)] {
        var failed: [(request: CNIRequest, text: String)] = []
        connections.removeAll { connection in
            guard let request = connection.request else { return false }
            let answer: CNIAnswer
            switch judge(request) {
            case .settled(let settled): answer = settled
            case .unknown:
                guard now - connection.since >= Self.patience else { return false }
                answer = CNIAnswer(.unknown, "the API server has not told of the pod")
            case .waiting(let reason):
                guard now - connection.since >= Self.joinTimeout else { return false }
                answer = CNIAnswer(.failed, reason)
            }
            if answer.outcome == .failed, request.command == .add { failed.append((request, answer.text)) }
            let line = answer.line
            // A plugin that has gone, or does not read one line, is not waited for.
            _ = Socket.write(connection.descriptor.rawValue, line.span)
            return true
        }
        return failed
    }

    /// How far a request is.
    enum Standing {
        case settled(CNIAnswer)
        /// The pod is not known.
        case unknown
        /// The pod is about to join; the text says what is lacking.
        case waiting(String)
    }

    private func accept(now: MonotonicTime) {
        isAcceptPaused = true
        do throws(SystemError) {
            while connections.count < Self.maximumConnections {
                guard let descriptor = try UnixSocket.accept(listener.rawValue) else {
                    isAcceptPaused = false
                    return
                }
                guard UnixSocket.isTrusted(descriptor.rawValue) else { continue }
                connections.append(Connection(descriptor, since: now))
            }
        } catch {
            // Out of descriptors: the plugin waits until there are some, or asks again.
        }
    }

    /// What has come of a request.
    private enum Arrival {
        case pending
        case complete(CNIRequest)
        /// No more comes, or it is no request: a descriptor that stays readable must not be polled.
        case broken
    }

    private static func read(_ connection: Connection) -> Arrival {
        var scratch = ByteBuffer(capacity: CNIRequest.maximumLine)
        var isOpen = true
        reading: while true {
            switch Socket.read(connection.descriptor.rawValue, into: &scratch) {
            case .bytes: continue
            case .wouldBlock: break reading
            case .endOfStream, .failed:
                isOpen = false
                break reading
            }
        }
        guard connection.line.count + scratch.count <= CNIRequest.maximumLine else { return .broken }
        connection.line += Array(copying: scratch.readable)
        guard connection.line.last == 0x0A else { return isOpen ? .pending : .broken }
        do { return .complete(try CNIRequest(connection.line)) } catch { return .broken }
    }
}
