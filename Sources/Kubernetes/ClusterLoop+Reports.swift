// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO

// What is said of pods in the API, over the connection of the watches.
extension ClusterLoop {
    /// Says the next thing of a pod, behind all lists and watches.
    func startReport(_ link: ServiceLink<APICalls>) {
        guard link.availableCalls > 0, let due = reporter.deadline, due <= now else { return }
        guard let token = readToken() else { return closeLink("no token") }
        guard let request = reporter.request(now: now) else { return }
        let number = nextCall
        nextCall += 1
        let isStarted = link.start { calls, http2 in
            calls.start(request, token: token, context: number, &http2, now: now)
        }
        guard isStarted else { return reported(.failed) }
        reportCall = number
    }

    private func reported(_ outcome: PodReporter.Outcome) {
        reportCall = nil
        reporter.finished(outcome, now: now, random: &random)
        let troubles = reporter.troubles.filter { !$0.isEmpty }
        guard troubles != saidReporting else { return }
        saidReporting = troubles
        updates.post(.reporting(troubles))
    }

    /// Takes what has come of it.
    func takeReport(_ reply: APIReply) {
        switch reply.end {
        case .complete(let body):
            let isGood = (200..<300).contains(reply.status)
            let status = APIStatus(code: reply.status, body: isGood ? [] : body)
            reported(.answered(status, retryAfter: reply.retryAfter))
        case .failed: reported(.failed)
        case nil: break
        }
    }
}
