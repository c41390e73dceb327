// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

// Asked for every event: by bits, since set literals of another module's type are made at run time.
extension LinuxIO.Readiness {
    /// Writing, or finishing a connect, will tell something new.
    var invitesWriting: Bool {
        let bits =
            LinuxIO.Readiness.writable.rawValue | LinuxIO.Readiness.failed.rawValue | LinuxIO.Readiness.hungUp.rawValue
        return rawValue & bits != 0
    }

    /// Reading will tell something new.
    var invitesReading: Bool { rawValue & LinuxIO.Readiness.readable.rawValue != 0 || tellsEnd }

    /// The peer has finished, in one way or another.
    var tellsEnd: Bool {
        let bits =
            LinuxIO.Readiness.peerFinished.rawValue | LinuxIO.Readiness.failed.rawValue
            | LinuxIO.Readiness.hungUp.rawValue
        return rawValue & bits != 0
    }
}
