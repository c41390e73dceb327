// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension HTTP1Parser {
    /// Decides framing and persistence of a request whose field lines are complete (RFC 9112 §6.3, §9.3).
    mutating func finishRequestHead() throws(HTTP1Error) -> HTTP1Event {
        if seen.host == nil, request.version == .http11 { throw .missingHost }
        if request.authority.isEmpty, request.targetForm != .absolute { request.authority = seen.host ?? 0..<0 }
        if seen.expectsElse, request.version == .http11 { throw .unsupportedExpectation }
        if seen.hasTransferEncoding {
            if seen.contentLength != nil { throw .lengthAndTransferEncoding }
            if request.version == .http10 { throw .invalidTransferEncoding }
            request.framing = .chunked
        } else if let length = seen.contentLength {
            request.framing = .length(length)
        }
        if request.method == .connect {
            guard request.framing == .none || request.framing == .length(0) else { throw .contentNotAllowed }
        }
        let hasContent = startContent(request.framing)
        request.isPersistent = isPersistent(request.version)
        request.expectsContinue = seen.expectsContinue && hasContent && request.version == .http11
        request.offersUpgrade = seen.upgradeField && seen.upgradeOption && request.version == .http11
        if seen.nominatesFields { markNominatedFields() }
        return .head
    }

    /// Decides framing and persistence of a response whose field lines are complete (RFC 9112 §6.3, §9.3).
    mutating func finishResponseHead() throws(HTTP1Error) -> HTTP1Event {
        let status = response.status
        if seen.nominatesFields { markNominatedFields() }
        response.isPersistent = isPersistent(response.version)
        if answeredMethod == .connect, 200..<300 ~= status {
            phase = .handover
            return .head
        }
        response.statedLength = seen.contentLength
        if seen.hasTransferEncoding {
            if seen.contentLength != nil { throw .lengthAndTransferEncoding }
            if response.version == .http10 { throw .invalidTransferEncoding }
        }
        if status < 200 || status == 204 {
            guard !seen.hasTransferEncoding, seen.contentLength ?? 0 == 0 else { throw .contentNotAllowed }
        }
        if status < 200 { return try finishInformationalHead(status) }
        if answeredMethod == .head || status == 204 || status == 304 {
            response.framing = .none
        } else if seen.hasTransferEncoding {
            response.framing = .chunked
        } else if let length = seen.contentLength {
            response.framing = .length(length)
        } else {
            response.framing = .untilClose
            response.isPersistent = false
        }
        _ = startContent(response.framing)
        return .head
    }

    private mutating func finishInformationalHead(_ status: UInt16) throws(HTTP1Error) -> HTTP1Event {
        if status == 101 {
            guard answeredUpgrade, seen.upgradeField, seen.upgradeOption else { throw .unexpectedSwitch }
            phase = .handover
            return .head
        }
        informationalCount += 1
        guard informationalCount <= limits.informationalResponses else { throw .tooManyInformationalResponses }
        phase = .startLine
        isHeadStale = true
        return .informational
    }

    private func isPersistent(_ version: HTTP1Version) -> Bool {
        !seen.closes && (version == .http11 || seen.keepsAlive)
    }

    /// Moves on to the content.
    ///
    /// - Returns: whether there is any.
    private mutating func startContent(_ framing: HTTP1Framing) -> Bool {
        switch framing {
        case .none, .length(0): phase = .end
        case .length(let length): phase = .content(remaining: length)
        case .chunked: phase = .chunkSize(value: 0, digits: 0)
        case .untilClose: phase = .untilClose
        }
        return phase != .end
    }
}
