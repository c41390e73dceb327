// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// A listening socket of one pod on one worker.
struct Listener: ~Copyable {
    typealias Key = Slab<Listener>.Key

    /// What arrives at it.
    enum Purpose: Sendable {
        /// 15001: connections of the pod's own applications, redirected.
        case outbound
        /// 15006: connections to the pod in plain text, redirected.
        case inboundPlaintext
        /// 15008: HBONE to the pod.
        case inboundHBONE
        /// A local port of `ambit-tunnel forward`, by its place in the configuration.
        case forward(Int)

        /// Whether what arrives are connections of other tunnels, each of which carries many of applications.
        var isHBONE: Bool {
            if case .inboundHBONE = self { true } else { false }
        }
    }

    let socket: OwnedDescriptor
    let purpose: Purpose
    let pod: Pod
    /// Not polled for now: descriptors have run out, or the pool of connections is full.
    var isPaused = false

    init(socket: consuming OwnedDescriptor, purpose: Purpose, pod: Pod) {
        self.socket = socket
        self.purpose = purpose
        self.pod = pod
    }
}
