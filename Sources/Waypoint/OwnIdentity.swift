// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import TLS

/// Our certificate as TLS uses it, and who that makes us.
struct OwnIdentity: Sendable {
    let id: SPIFFEID
    let server: TLSContext
    let client: TLSContext
}
