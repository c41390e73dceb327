// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The shared libraries that the loader has put into this process.
package enum LoadedLibraries {
    /// Their files, under the names by which they are asked for; the loader is one of them.
    ///
    /// The executable itself has no name there, and what the kernel gives (`linux-vdso.so.1`) is no file.
    package static var paths: [String] {
        var paths: [String] = []
        // Safety: the loader keeps the list and the names as long as the process lives; we load and unload nothing.
        var next = unsafe CLinux_loaded_libraries()
        while let library = unsafe next {
            if let name = unsafe library.pointee.l_name {
                let path = unsafe String(cString: name)
                if path.hasPrefix("/") { paths.append(path) }
            }
            unsafe next = UnsafePointer(library.pointee.l_next)
        }
        return paths
    }
}
