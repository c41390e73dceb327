// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// Who wants to connect, as far as it is proven.
package struct PeerInfo: Sendable {
    /// The SPIFFE ID of its verified certificate; nil for plaintext.
    package var identity: SPIFFEID?
    /// The address the connection comes from.
    package var sourceIP: IPAddress

    /// Puts the two together.
    package init(identity: SPIFFEID?, sourceIP: IPAddress) {
        self.identity = identity
        self.sourceIP = sourceIP
    }
}
