// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import LinuxIO
internal import Manifest

/// What `apply` and `delete` do to a folder, in the order in which no request fails.
///
/// A tunnel sends traffic to a waypoint as soon as the Gateway has an address and an object's label names it, and it closes
/// connections to pods that are gone. So `apply` writes the pods first, the address when a proxy has answered that it is
/// ready, and the label last; `delete` takes labels and Gateway first, and the pods when nobody answers there any more.
package struct WaypointOperator {
    /// The answer of a proxy's readiness port.
    package enum Readiness: Equatable, Sendable {
        case ready
        /// It answers, but does not want traffic; the text says why.
        case notReady(String)
        /// Nothing listens there.
        case notRunning
        /// It cannot be reached from here; the text says why.
        case unreachable(String)
    }

    /// The folder.
    package let folder: ConfigurationFolder
    /// Asks a proxy whether it is ready.
    package let probe: (FolderWaypoint.Proxy) -> Readiness
    /// Waits between two questions.
    package let pause: (Nanoseconds) -> Void
    /// Gets each line for standard output.
    package let say: (String) -> Void
    /// Gets each line for standard error.
    package let warn: (String) -> Void

    /// Puts the parts together.
    package init(
        folder: ConfigurationFolder, probe: @escaping (FolderWaypoint.Proxy) -> Readiness,
        pause: @escaping (Nanoseconds) -> Void, say: @escaping (String) -> Void, warn: @escaping (String) -> Void
    ) {
        self.folder = folder
        self.probe = probe
        self.pause = pause
        self.say = say
        self.warn = warn
    }

    /// How often a proxy is asked again (istioctl: 1 s).
    static var interval: Nanoseconds { .milliseconds(500) }

    /// In how much time all have read a change: `ChangeDebouncer` waits for 400 ms at most.
    static var settlingTime: Nanoseconds { .milliseconds(600) }

    /// Adds an object's document to a file.
    static func appending(_ value: ManifestValue, to text: ManifestText?) throws(OperatorError) -> ManifestText {
        var octets = text?.octets ?? []
        if let last = octets.last {
            if last != 0x0A { octets.append(0x0A) }
            octets += "---\n".utf8
        }
        octets += value.document.utf8
        do { return try ManifestText(octets) } catch {
            throw OperatorError("the object cannot be added to the file (\(error))")
        }
    }

    /// Sets labels of an object, in whatever file it stands.
    ///
    /// - Returns: whether anything changed.
    func label(
        _ entry: ObjectStore.Entry, _ labels: [(key: String, value: String)]
    ) throws(OperatorError) -> Bool {
        try folder.edit(entry.file) { text throws(OperatorError) in
            guard var text else { return nil }
            for (key, value) in labels where entry.object.metadata.labels[key] != value {
                text = try text.setting(["metadata", "labels", key], of: entry.object.key, to: .text(value))
            }
            return text
        }
    }
}
