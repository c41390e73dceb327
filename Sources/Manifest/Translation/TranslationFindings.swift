// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with objects that are readable each by itself, by what it comes from, so that it can be renewed in part.
struct TranslationFindings: Sendable {
    /// Objects that stand in several files.
    var duplicates: [Finding] = []
    var pods: [ObjectKey: [Finding]] = [:]
    var services: [ObjectKey: Finding] = [:]
    /// Gateways, their classes, and bindings to them.
    var waypoints: [Finding] = []
    var peerAuthentications: [Finding] = []
    var routes: [Finding] = []

    /// All of it, in an order that depends on the objects only.
    var all: [Finding] {
        duplicates + pods.sorted { $0.key < $1.key }.flatMap(\.value) + waypoints
            + services.sorted { $0.key < $1.key }.map(\.value) + peerAuthentications + routes
    }
}
