// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import LinuxIO
internal import Synchronization

/// The small HTTP/1.1 server behind the admin, metrics and readiness ports.
///
/// One request per connection, heads of 8 KiB, GET and POST only, bodies ignored, everything with a deadline. A client that does not ask in
/// time, or one of too many, costs nobody but itself: when a port has all the connections it may have, the one that has
/// waited longest for its request makes room.
///
/// ## Concurrency model
/// One thread owns all connections and runs all handlers. It sleeps while there are none. `stop` may be called by any
/// thread.
package final class AdminServer: Sendable {
    /// Largest request head (request line and headers): 8 KiB, as in nginx and Apache.
    static var maximumHeadBytes: Int { 8_192 }
    /// Bodies up to this size leave in one write with their head; larger ones are not worth a copy.
    static var copiedBodyBytes: Int { 65_536 }
    /// Connections of one port at the same time.
    static var maximumConnections: Int { 32 }
    /// How long a client may take to ask; ztunnel's header timeout.
    static var headTimeout: Nanoseconds { .seconds(2) }
    /// How long a client may take to read the answer; Prometheus gives up after 10 s.
    static var writeTimeout: Nanoseconds { .seconds(30) }
    /// How long a client may take to close after the answer.
    static var lingerTimeout: Nanoseconds { .seconds(1) }

    /// An address to listen on.
    package struct Endpoint: Sendable {
        /// What is served there.
        package var port: AdminRoutes.Port
        /// Where; the unspecified IPv6 address takes both families, or IPv4 alone where there is no IPv6.
        package var address: SocketAddress
        /// Whether it may be missing (`::1` on a host without IPv6).
        package var isOptional: Bool

        /// Names an endpoint.
        package init(_ port: AdminRoutes.Port, _ address: SocketAddress, isOptional: Bool = false) {
            self.port = port
            self.address = address
            self.isOptional = isOptional
        }
    }

    /// The addresses listened on, in the order of the endpoints; a port 0 has become the real one.
    package let addresses: [SocketAddress]
    private let wake: WakeSignal
    private let isStopping = Atomic<Bool>(false)
    private let isHandingOver = Atomic<Bool>(false)

    /// Binds all endpoints and starts the thread.
    ///
    /// - Throws: `AdminServerError` for an address that cannot be had.
    package init(_ endpoints: [Endpoint], _ routes: AdminRoutes) throws {
        wake = try WakeSignal()
        var addresses: [SocketAddress] = []
        var listeners: [(port: AdminRoutes.Port, address: SocketAddress, fd: CInt)] = []
        for endpoint in endpoints {
            do {
                let listener = try Self.listen(endpoint.address)
                let address = try Socket.localAddress(listener.rawValue)
                addresses.append(address)
                listeners.append((endpoint.port, address, listener.relinquish()))
            } catch let error {
                if endpoint.isOptional && error.isAddressUnavailable { continue }
                for (_, _, fd) in listeners { _ = OwnedDescriptor(adopting: fd) }
                throw AdminServerError(port: endpoint.port, address: endpoint.address, cause: error)
            }
        }
        self.addresses = addresses
        let wake = wake
        let open = listeners
        let thread = try WorkerThread(name: "ambit-admin") { [self] in
            do {
                var loop = try AdminLoop(routes, adopting: open, wake: wake)
                loop.run(
                    while: { !isStopping.load(ordering: .acquiring) },
                    handsOver: { isHandingOver.exchange(false, ordering: .acquiringAndReleasing) })
            } catch {
                // Without an epoll instance nothing can be served; readiness then fails, which is what an operator sees.
            }
        }
        thread.detach()
    }

    /// Closes everything and ends the thread, soon.
    package func stop() {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
    }

    /// Leaves the ports to a successor that listens there too, soon; where there is none, all stays as it is.
    package func handOver() {
        isHandingOver.store(true, ordering: .releasing)
        wake.signal()
    }

    /// Listens at an address, beside a predecessor or successor if there is one (SO_REUSEPORT, same user): in an upgrade two
    /// processes overlap.
    static func listen(_ address: SocketAddress) throws(SystemError) -> OwnedDescriptor {
        var options = Socket.ListenOptions(address: address)
        do {
            return try Socket.listen(options)
        } catch {
            guard error.isAddressUnavailable, !address.ip.isIPv4, address.ip.isUnspecified else { throw error }
            options.address.ip = IPAddress(v4: 0)
            return try Socket.listen(options)
        }
    }
}
