// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Kubernetes
internal import LinuxIO
internal import Manifest

/// Tokens reviewed by the API server, and pods as it tells of them.
///
/// Lives as long as the process.
///
/// ## Concurrency model
/// A thread of its own asks, one review after the other, and follows the pods; the index of pods may be asked from any thread.
package final class ClusterReviewer: TokenReviewer, PodPlacement {
    fileprivate struct Question: Sendable {
        let token: BearerToken
        let audiences: [String]
        let answer: @Sendable (Result<Caller, TokenRefusal>) -> Void
    }

    private let questions: Mailbox<Question>
    private let pods: PodIndex

    /// Starts to follow the pods of a cluster; reviews are answered when all of them are known.
    ///
    /// - Parameter report: told of each trouble with the API server once, and nil when it is over; on any thread.
    /// - Throws: when the threads or what they wait with cannot be had, with a line that says so.
    package init(
        _ credentials: ClusterCredentials, seed: UInt64, report: @escaping @Sendable (String?) -> Void
    ) throws {
        questions = try Mailbox<Question>()
        pods = PodIndex()
        let work = try ReviewThread(credentials, questions: questions, pods: pods, seed: seed, report: report)
        try WorkerThread(name: "ambit-reviews") { work.run() }.detach()
    }

    package func review(
        _ token: BearerToken, audiences: [String], answer: @escaping @Sendable (Result<Caller, TokenRefusal>) -> Void
    ) {
        questions.post(Question(token: token, audiences: audiences, answer: answer))
    }

    package func runsPod(of account: ServiceAccountName, onNode node: String) -> Bool {
        pods.runsPod(of: account, onNode: node)
    }
}

/// What the thread does.
///
/// Safety: made by one thread, which hands it to the one that runs it and uses it no more.
private final class ReviewThread: @unchecked Sendable {
    private let questions: Mailbox<ClusterReviewer.Question>
    private let pods: PodIndex
    private let poller: PollerBox
    private let source: ClusterSource
    private let session: ClusterSession
    private let report: @Sendable (String?) -> Void
    private var sourceTrouble: String?
    private var reported: String?

    init(
        _ credentials: ClusterCredentials, questions: Mailbox<ClusterReviewer.Question>, pods: PodIndex,
        seed: UInt64, report: @escaping @Sendable (String?) -> Void
    ) throws {
        self.questions = questions
        self.pods = pods
        self.report = report
        var options = ClusterSource.Options(forWaypoint: false)
        options.kinds = [.pod]
        source = try ClusterSource(credentials, options: options, seed: seed)
        session = try ClusterSession(credentials)
        poller = PollerBox(try Poller(capacity: 4))
        let token = EventToken(kind: 0, index: 0, generation: 0)
        try poller.value.addReadable(questions.descriptor, token: token)
        try poller.value.addReadable(source.descriptor, token: token)
        source.onChange = { key, object in pods.set(key, object) }
    }

    func run() {
        while true {
            _ = poller.value.wait(timeout: nil)
            followPods()
            answer(questions.takeAll())
        }
    }

    private func followPods() {
        source.receiveEvents(now: MonotonicClock.now())
        guard source.trouble != sourceTrouble else { return }
        sourceTrouble = source.trouble
        say(sourceTrouble)
    }

    private func answer(_ batch: [ClusterReviewer.Question]) {
        for (index, question) in batch.enumerated() {
            do throws(KubernetesError) {
                let result = try review(question)
                question.answer(result)
                followPods()
            } catch {
                say("\(error)")
                // Who waits behind one that got no answer in time would wait as long again, and in vain.
                for question in batch[index...] + questions.takeAll() { question.answer(.failure(.unavailable)) }
                return
            }
        }
    }

    private func review(
        _ question: ClusterReviewer.Question
    ) throws(KubernetesError) -> Result<Caller, TokenRefusal> {
        // Before all pods are known nobody can be told to have none.
        guard source.isSynced else { return .failure(.unavailable) }
        let answer = try session.ask(TokenReview.request(question.token, audiences: question.audiences))
        guard answer.isGood else {
            say("TokenReview: \(answer.problem)")
            return .failure(.unavailable)
        }
        let object = try answer.object()
        if sourceTrouble == nil { say(nil) }
        do throws(TokenRefusal) {
            let caller = try TokenReview.caller(object, audiences: question.audiences)
            guard caller.node.isEmpty, !caller.pod.isEmpty else { return .success(caller) }
            let node = pods.node(ofPod: caller.pod, of: caller.account)
            return .success(Caller(account: caller.account, pod: caller.pod, node: node ?? ""))
        } catch {
            return .failure(error)
        }
    }

    private func say(_ text: String?) {
        guard text != reported else { return }
        reported = text
        report(text)
    }
}
