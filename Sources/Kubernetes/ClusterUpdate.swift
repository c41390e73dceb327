// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// What the thread that watches the API server tells the one that makes the mesh of it.
enum ClusterUpdate: Sendable {
    /// An object as it is now, and what is wrong with it.
    case set(ManifestObject, [Finding])
    /// What a snapshot keeps of the object that was just set.
    case text(ObjectKey, [UInt8])
    /// What who writes the object's status needs to know of it, whether it can be used or not.
    case facts(ObjectKey, ObjectFacts)
    /// An object that cannot be used as it is now: its last good version counts.
    case refused(ObjectKey, [Finding])
    /// An object is gone.
    case removed(ObjectKey)
    /// An object of the kind could not be told which it is.
    case lost(ObjectKind, [Finding])
    /// All objects of the kind follow.
    case listBegan(ObjectKind)
    /// Those that have not come since are gone.
    case listComplete(ObjectKind)
    /// The kind is not served: it has no objects.
    case absent(ObjectKind)
    /// What is wrong with the kind's list or watch; nil when nothing is any more.
    case trouble(ObjectKind, String?)
    /// What is wrong with the connection or the credentials; nil when nothing is any more.
    case connection(String?)
    /// What keeps pods from being told of in the API; empty when nothing does.
    case reporting([String])
}

/// What the thread that watches the API server is told.
enum ClusterOrder: Sendable {
    case stop
    /// To be said of a pod in the API.
    case report(PodReport)
}
