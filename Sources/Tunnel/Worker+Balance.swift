// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Synchronization

// Which worker carries a connection that has just been accepted.
//
// The kernel spreads connections over the workers' listeners by hash: even for thousands, uneven for the few that matter
// most, where one pair of pods keeps a node busy. So a worker that carries more of a pod than another hands the new socket
// over, before anything is done with it; from then on it lives there. A hand-over costs a message and a wake-up, so short
// connections, of which about as many end as begin, stay where they are.
extension Worker {
    /// Takes a connection, or hands it to the worker that carries least of the pod.
    func place(_ socket: consuming OwnedDescriptor, _ purpose: Listener.Purpose, pod: Pod, peer: SocketAddress) {
        if let other = betterWorker(for: purpose, pod) {
            let descriptor = socket.relinquish()
            pod.loads[other].countHandedOver(1, isHBONE: purpose.isHBONE)
            if peers[other].post(.carry(pod, purpose, descriptor: descriptor, peer: peer)) { return }
            // It ends just now: the connection stays here.
            pod.loads[other].countHandedOver(-1, isHBONE: purpose.isHBONE)
            return carry(OwnedDescriptor(adopting: descriptor), purpose, pod: pod, peer: peer)
        }
        carry(socket, purpose, pod: pod, peer: peer)
    }

    /// Takes a connection that another worker has handed over.
    func carryHandedOver(
        _ socket: consuming OwnedDescriptor, _ purpose: Listener.Purpose, pod: Pod, peer: SocketAddress
    ) {
        pod.loads[index].countHandedOver(-1, isHBONE: purpose.isHBONE)
        carry(socket, purpose, pod: pod, peer: peer)
    }

    /// Takes a connection.
    private func carry(_ socket: consuming OwnedDescriptor, _ purpose: Listener.Purpose, pod: Pod, peer: SocketAddress)
    {
        switch purpose {
        case .outbound: acceptOutbound(socket, pod: pod, peer: peer)
        case .inboundPlaintext: acceptPlaintext(socket, pod: pod, peer: peer)
        case .inboundHBONE: acceptHBONE(socket, pod: pod, peer: peer)
        case .forward(let index): acceptForward(socket, configuration.forwards[index], pod: pod, peer: peer)
        }
    }

    /// Eight connections that stay are spread no worse than five to three over two workers.
    private func betterWorker(for purpose: Listener.Purpose, _ pod: Pod) -> Int? {
        guard pod.loads.count == peers.count, peers.count > 1, drainEnd == nil else { return nil }
        let isHBONE = purpose.isHBONE
        var best = index
        var least = pod.loads[index].value(isHBONE: isHBONE)
        // HBONE connections are few, live long and carry many: there one more is too many.
        let most = least - (isHBONE ? 1 : 2 + least / 4)
        for other in pod.loads.indices {
            let load = pod.loads[other].value(isHBONE: isHBONE)
            if load <= most, load < least { (best, least) = (other, load) }
        }
        return best == index ? nil : best
    }
}
