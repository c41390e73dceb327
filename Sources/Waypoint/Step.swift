// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import HBONE

/// What is done after the event at hand, when no collection is in use any more.
enum Step {
    /// Decide where an exchange goes, and set out.
    case route(Exchange.Key)
    /// Answer an exchange ourselves.
    case reply(Exchange.Key, LocalReply)
    /// An exchange has lost its endpoint.
    case upstreamFailed(Exchange.Key, UpstreamFailure)
    /// Another try, at once or after a pause.
    case retry(Exchange.Key, pauses: Bool)
    /// An exchange has lost its client.
    case clientGone(Exchange.Key)
    /// Both messages of an exchange are through.
    case finish(Exchange.Key)
    /// A connection to an endpoint is established.
    case upstreamReady(Upstream.Key)
    /// A carrier to an endpoint is established, or has streams again.
    case openStream(Upstream.Key)
    /// Octets that were held back are to be looked at.
    case readHeld(Downstream.Key)
    case closeDownstream(Downstream.Key)
    case closeUpstream(Upstream.Key, UpstreamFailure)
    case closeCarrier(Carrier.Key, HBONEError)
}
