// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// A socket that connections arrive at.
struct Listener: ~Copyable {
    typealias Key = Slab<Listener>.Key

    /// What arrives.
    enum Purpose: Sendable {
        /// HBONE from the mesh.
        case hbone
        /// Plain connections for one service: a position in the configuration's list.
        case plaintext(Int)
    }

    let socket: OwnedDescriptor
    let purpose: Purpose
    var isPaused = false

    init(socket: consuming OwnedDescriptor, purpose: Purpose) {
        self.socket = socket
        self.purpose = purpose
    }
}
