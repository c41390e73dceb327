// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity
package import LinuxIO

/// A CA service as a source of certificates: asks for them on a thread of its own, so that nobody waits for it.
///
/// ## Concurrency model
/// All methods may be called by any thread; they post to the thread's mailbox. Answers come in `answers`, which the
/// owner polls. The thread makes keys and requests, resolves the host, and holds one connection while there is work.
package final class AuthorityClient: Sendable {
    /// What became of a request.
    package struct Answer: Sendable {
        /// Who the certificate is for.
        package let identity: SPIFFEID
        /// The certificate, or why there is none.
        package let result: Result<IssuedCertificate, CertificateError>
    }

    enum Command: Sendable {
        case fetch(SPIFFEID, FetchPriority)
        case keepOnly(Set<SPIFFEID>)
        case stop
    }

    /// Answers, in the order in which they came.
    package let answers: Mailbox<Answer>
    private let commands: Mailbox<Command>

    /// Starts the thread; nothing is connected before the first request.
    ///
    /// - Throws: when the thread or what it waits with cannot be had.
    package init(
        _ service: CertificateSettings.Service, validitySeconds: Int64, seed: UInt64
    ) throws(SystemError) {
        let answers = try Mailbox<Answer>()
        let commands = try Mailbox<Command>()
        self.answers = answers
        self.commands = commands
        let poller = PollerBox(try Poller(capacity: 16))
        try poller.value.addReadable(commands.descriptor, token: AuthorityClientLoop.commandToken)
        let thread = try WorkerThread(name: "ambit-ca-client") {
            let loop = AuthorityClientLoop(
                service, validitySeconds: validitySeconds, commands: commands, answers: answers, poller: poller,
                seed: seed)
            loop.run()
        }
        thread.detach()
    }

    /// Asks for a certificate; requests for the same identity are merged.
    ///
    /// It is tried, with growing pauses and one answer per failure, until it succeeds or is forgotten.
    package func fetch(_ identity: SPIFFEID, _ priority: FetchPriority) {
        commands.post(.fetch(identity, priority))
    }

    /// Forgets requests for other identities.
    package func keepOnly(_ identities: Set<SPIFFEID>) {
        commands.post(.keepOnly(identities))
    }

    /// Ends the thread.
    package func stop() {
        commands.post(.stop)
    }
}
