// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

// What is wrong with a resource, told once, until something comes of it again.
extension ClusterLoop {
    /// Failures in a row after which also what is part of the life of an API server is told.
    private static let patience = 3

    /// What no retry is expected to cure is told at once.
    func note(_ status: APIStatus, _ index: Int) {
        let isUsual = [404, 405, 410, 400, 422].contains(status.code)
        guard !isUsual || reflectors[index].failures >= Self.patience else { return }
        trouble("\(status)", index)
    }

    /// An answer that did not come, or cannot be read.
    func note(_ error: KubernetesError, _ index: Int) {
        // Of a connection that is gone the connection's own line tells.
        if case .reset = error, link == nil || reflectors[index].failures < Self.patience { return }
        trouble("\(error)", index)
    }

    /// Tells what is wrong with a resource; nil when nothing is any more.
    func trouble(_ text: String?, _ index: Int) {
        guard troubles[index] != text else { return }
        troubles[index] = text
        updates.post(.trouble(reflectors[index].resource.kind, text))
    }
}
