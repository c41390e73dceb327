// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// The folder that the configuration comes from, in a box that parts of a start can hand on.
final class ConfigurationSource {
    var folder: FolderSource

    init(_ folder: consuming FolderSource) {
        self.folder = folder
    }
}
