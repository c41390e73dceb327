// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Kubernetes

/// An object of the API that says what the CA's roots are.
protocol PublishedObject {
    /// Its kind and name, for people.
    var text: String { get }

    /// Looks whether it says `roots`, and writes it when it does not.
    ///
    /// - Parameter end: what would be later is not written.
    mutating func look(
        _ roots: String, _ session: ClusterSession, until end: MonotonicTime
    ) throws(KubernetesError) -> PublishedLook
}

/// What a look at a `PublishedObject` came to.
enum PublishedLook: Equatable {
    /// It says what it should, or there is no such kind of object here.
    case inStep
    /// It says so now.
    case written
    /// What keeps it from saying so, for an operator.
    case trouble(String)
}
