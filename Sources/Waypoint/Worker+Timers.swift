// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP1
internal import HTTP2
internal import LinuxIO
internal import Mesh

// Deadlines: each object keeps its own and has one timer armed, which is armed again when it comes up too early.
extension Worker {
    /// Sets a client's connection a deadline.
    func arm(_ downstream: inout Downstream, _ key: Downstream.Key, _ time: Nanoseconds) {
        downstream.deadline = now + time
        rearm(&downstream, key)
    }

    private func rearm(_ downstream: inout Downstream, _ key: Downstream.Key) {
        let next = min(downstream.deadline, downstream.pipe.nextDeadline)
        guard next < downstream.armed else { return }
        downstream.armed = next
        timers.arm(token(downstream: key), at: next)
    }

    /// Sets a connection to an endpoint a deadline.
    func arm(_ upstream: inout Upstream, _ key: Upstream.Key, _ time: Nanoseconds) {
        upstream.deadline = now + time
        rearm(&upstream, key)
    }

    private func rearm(_ upstream: inout Upstream, _ key: Upstream.Key) {
        let next = min(upstream.deadline, upstream.pipe.nextDeadline)
        guard next < upstream.armed else { return }
        upstream.armed = next
        timers.arm(token(upstream: key), at: next)
    }

    /// A client's connection's timer came up.
    func downstreamTimer(_ key: Downstream.Key) {
        downstreams.withElement(key) { downstream in
            downstream.armed = .distantFuture
            if self.tick(&downstream.pipe, .downstream(key)) { return self.steps.append(.closeDownstream(key)) }
            if downstream.deadline <= self.now {
                downstream.deadline = .distantFuture
                self.expire(&downstream, key)
            }
            self.rearm(&downstream, key)
        }
    }

    private func expire(_ downstream: inout Downstream, _ key: Downstream.Key) {
        switch downstream.mode {
        case .sniffing:
            guard downstream.frontend.declared == .undeclared else { return steps.append(.closeDownstream(key)) }
            // The server speaks first, or the client speaks something of fewer octets: neither is HTTP.
            beginRaw(&downstream, key)
            if !downstream.held.isEmpty { steps.append(.readHeld(key)) }
        case .http1:
            guard downstream.exchange == nil else { return }
            if downstream.http1?.isReadingHead == true {
                refuse(&downstream, key, status: 408)
            } else {
                finish(&downstream, key)
            }
        case .http2:
            guard downstream.exchangeCount == 0 else { return }
            downstream.pipe.http2?.beginDrain(now: now)
            finish(&downstream, key)
        case .raw: break
        case .closing: steps.append(.closeDownstream(key))
        }
    }

    /// The timer of a connection to an endpoint came up.
    func upstreamTimer(_ key: Upstream.Key) {
        upstreams.withElement(key) { upstream in
            upstream.armed = .distantFuture
            if self.tick(&upstream.pipe, .upstream(key)) {
                return self.steps.append(.closeUpstream(key, .termination))
            }
            if upstream.deadline <= self.now {
                let isIdle = upstream.exchange == nil && upstream.pipe.http2?.activeStreamCount ?? 0 == 0
                if isIdle, upstream.phase == .established, !upstream.isDraining {
                    return self.retire(&upstream, key)
                }
                if upstream.phase == .connecting || isIdle {
                    return self.steps.append(
                        .closeUpstream(key, upstream.phase == .connecting ? .connect : .termination))
                }
                if upstream.mode == .http2, !upstream.hasSpoken {
                    return self.steps.append(.closeUpstream(key, .unspoken))
                }
                upstream.deadline = .distantFuture
            }
            self.rearm(&upstream, key)
        }
    }

    /// Ends an idle connection in an orderly way: our end first, then, when the peer's has come or a moment has passed, all.
    private func retire(_ upstream: inout Upstream, _ key: Upstream.Key) {
        upstream.isDraining = true
        targets.withElement(upstream.target) { target in
            target.idle.removeAll { $0 == key }
            target.shared.removeAll { $0 == key }
        }
        upstream.pipe.flags.insert(.finishing)
        markDirty(&upstream.pipe, .upstream(key))
        arm(&upstream, key, configuration.closeTimeout)
    }

    /// Lets time pass for HTTP/2; true when the connection is over.
    private func tick(_ pipe: inout Pipe, _ link: Link) -> Bool {
        guard pipe.nextDeadline <= now else { return false }
        do throws(HTTP2Error) {
            while let event = try pipe.http2?.tick(now: now) {
                guard case .reset(let stream, _, _) = event, let exchange = exchangeKey(stream, pipe) else { continue }
                switch link {
                case .downstream: steps.append(.clientGone(exchange))
                case .upstream: steps.append(.upstreamFailed(exchange, .reset))
                }
            }
        } catch {
            return true
        }
        markDirty(&pipe, link)
        return false
    }

    /// Arms the timer for whatever a carrier waits for next.
    func rearm(_ carrier: inout Carrier, _ key: Carrier.Key) {
        let next = min(carrier.deadline, carrier.hbone.http2.nextDeadline)
        guard next < carrier.armed else { return }
        carrier.armed = next
        timers.arm(token(carrier: key), at: next)
    }

    /// A carrier's timer came up.
    func carrierTimer(_ key: Carrier.Key) {
        withCarrier(key) { (carrier: inout Carrier) throws(HBONEError) in
            carrier.armed = .distantFuture
            let isDue = carrier.deadline <= self.now
            switch carrier.hbone.phase {
            case .connecting: if isDue { throw .timedOut(.connect) }
            case .handshaking: if isDue { throw .timedOut(.handshake) }
            case .established:
                if isDue, carrier.hbone.http2.activeStreamCount == 0 { throw .closedLocally }
                if isDue { carrier.deadline = .distantFuture }
                do throws(HTTP2Error) {
                    _ = try carrier.hbone.http2.tick(now: self.now)
                } catch {
                    throw .http2(error)
                }
                if carrier.hbone.http2.hasPendingOutput { self.markDirty(&carrier, key) }
            case .closed: return
            }
            self.rearm(&carrier, key)
        }
    }
}

extension Pipe {
    /// When the HTTP/2 machine wants to know the time.
    fileprivate var nextDeadline: MonotonicTime {
        switch http2 {
        case .some(let http2): http2.nextDeadline
        case nil: .distantFuture
        }
    }
}
