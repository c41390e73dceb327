// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// What the OpenSSL at run time is and can, for `check`.
package enum TLSLibrary {
    /// For instance `OpenSSL 3.0.22 25 Aug 2026`.
    package static var version: String {
        // Safety: a static C string.
        unsafe OpenSSL_version(OPENSSL_VERSION).map { unsafe String(cString: $0) } ?? "unknown"
    }

    /// Those of the key-exchange groups of `options` that exist here, in their order: what contexts offer.
    package static func availableGroups(_ options: TLSOptions = TLSOptions()) -> [String] {
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { return [] }
        defer {
            unsafe SSL_CTX_free(context)
            ERR_clear_error()
        }
        // Safety: the context is ours; the name is read only.
        return options.groups.filter { unsafe COpenSSL_SSL_CTX_set1_groups_list(context, $0) == 1 }
    }
}
