// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What to ask next to have all objects of one resource, and to go on having them; without I/O, time or chance of its own.
///
/// ```
/// waiting -> streaming list (watch with sendInitialEvents) -> watching -> (ended) waiting -> watching …
///    |            | refused                                     | 410
///    |            v                                             v
///    +------> list, page by page ---------------------> watching / waiting -> list
///    +-- 404 in every version: absent; asked again later
/// ```
///
/// What is had is never given up for want of an answer: objects go when a list that is complete lacks them.
package struct Reflector: Sendable {
    /// What to ask.
    package enum Request: Equatable, Sendable {
        /// One page of a list.
        case list(path: String, isFirst: Bool)
        /// A watch that begins with all objects, or goes on where the last one ended.
        case watch(path: String, timeout: Nanoseconds, isStreamingList: Bool)
    }

    /// How a request ended.
    package enum Outcome: Equatable, Sendable {
        /// A page of a list is complete.
        case page(resourceVersion: String, next: String)
        /// A watch ended in an orderly way.
        case watchEnded
        /// The server answered with a status that is no success, or an ERROR event has one.
        case refused(status: Int, retryAfter: Nanoseconds?)
        /// No connection, no answer, or none that can be read.
        case broken
        /// Nothing came for too long.
        case silent
    }

    /// What the owner has to do with the objects.
    package enum Effect: Equatable, Sendable {
        case none
        /// Objects that have not come since the list began are gone.
        case listComplete
        /// The resource is not served: it has no objects.
        case absent
    }

    private enum State {
        case waiting(until: MonotonicTime)
        case listing
        case streaming
        case watching(since: MonotonicTime)
    }

    /// The resource.
    package let resource: APIResource
    private var state: State
    /// Which of the resource's versions is asked for.
    private var version = 0
    /// How many versions in a row were not there.
    private var missing = 0
    /// Where the next watch goes on; empty when a list is needed.
    private var resourceVersion = ""
    /// The token for the next page.
    private var next = ""
    private var usesStreamingLists = true
    /// Requests in a row that brought nothing.
    private(set) var failures = 0
    /// Watches in a row that were silent from their beginning to their end.
    private var silences = 0
    /// Lists in a row whose watch told nothing.
    private var vainLists = 0
    /// When the last list began, and when the next has to although the watch goes on; nil when nothing asks for that.
    private var listTime = MonotonicTime(nanoseconds: 0)
    private var relistTime: MonotonicTime?
    /// Whether everything has been listed once, or found absent.
    package private(set) var isSynced = false
    private(set) var isAbsent = false

    /// The first and the longest pause after failures in a row (client-go: 800 ms, 30 s).
    private static let firstPause = Nanoseconds.milliseconds(800)
    private static let longestPause = Nanoseconds.seconds(30)
    /// The longest pause before the first list that replaces what was had.
    private static let listPause = Nanoseconds.seconds(2)
    /// The shortest time between two lists when the second is for what could not be read: whoever makes such objects must not make
    /// all nodes list.
    private static let unreadableInterval = Nanoseconds.seconds(600)
    /// How often a resource that is not served is asked for, at first and at last.
    private static let absentPause = Nanoseconds.seconds(5)
    private static let longestAbsentPause = Nanoseconds.seconds(60)
    /// Objects of one page: 500 pods take some 4 MiB, and are handed on one by one.
    private static let pageSize = 500
    /// The longest a resource version or token may be; etcd's are numbers, tokens some hundred octets.
    private static let longestToken = 4_096

    /// Begins at once.
    package init(_ resource: APIResource, now: MonotonicTime) {
        self.resource = resource
        state = .waiting(until: now)
    }

    /// When `request` gives something; nil while nothing but what is under way is to be asked.
    package var deadline: MonotonicTime? {
        switch state {
        case .waiting(let until): until
        case .watching: relistTime
        case .listing, .streaming: nil
        }
    }

    /// Whether a list is under way, streamed or in pages.
    var isListing: Bool {
        switch state {
        case .listing, .streaming: true
        case .waiting, .watching: false
        }
    }

    /// The version that is asked for, or was answered.
    package var versionName: String { resource.versions[version] }

    /// What to ask now, in the place of a watch that is under way; nil when it is too early.
    package mutating func request(now: MonotonicTime, random: inout RandomSource) -> Request? {
        guard let deadline, deadline <= now else { return nil }
        if case .watching = state { (resourceVersion, next) = ("", "") }
        if resourceVersion.isEmpty, next.isEmpty { (listTime, relistTime) = (now, nil) }
        let path = resource.path(versionName)
        if resourceVersion.isEmpty, next.isEmpty, usesStreamingLists {
            state = .streaming
            let (query, timeout) = Self.watchQuery(&random)
            return .watch(
                path: "\(path)?\(query)&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", timeout: timeout,
                isStreamingList: true)
        }
        guard !resourceVersion.isEmpty else {
            let token = next.isEmpty ? "" : "&continue=\(APIRequest.escaped(next))"
            state = .listing
            return .list(path: "\(path)?limit=\(Self.pageSize)\(token)", isFirst: token.isEmpty)
        }
        state = .watching(since: now)
        let (query, timeout) = Self.watchQuery(&random)
        return .watch(
            path: "\(path)?\(query)&resourceVersion=\(APIRequest.escaped(resourceVersion))", timeout: timeout,
            isStreamingList: false)
    }

    /// Watches last five to ten minutes, so that those of a thousand nodes do not end together (client-go).
    private static func watchQuery(_ random: inout RandomSource) -> (String, Nanoseconds) {
        let seconds = Int64.random(in: 300...600, using: &random)
        return ("watch=true&allowWatchBookmarks=true&timeoutSeconds=\(seconds)", .seconds(seconds))
    }

    /// A watch has told of an object, or of how far it is.
    package mutating func noted(resourceVersion version: String) {
        guard case .watching = state, Self.isUsable(version) else { return }
        resourceVersion = version
        failures = 0
        silences = 0
        vainLists = 0
    }

    /// A watch has told of something that cannot be read, which may have been anything: a list will tell.
    package mutating func notedUnreadable(now: MonotonicTime, random: inout RandomSource) {
        guard case .watching = state, relistTime == nil else { return }
        relistTime = max(now, listTime + Self.unreadableInterval) + Self.random(below: .seconds(5), &random)
    }

    /// A streaming list has told of all objects; the watch goes on.
    package mutating func noted(endOfListAt version: String, now: MonotonicTime) -> Effect {
        guard case .streaming = state, Self.isUsable(version) else { return .none }
        resourceVersion = version
        state = .watching(since: now)
        return synced()
    }

    private static func isUsable(_ version: String) -> Bool { !version.isEmpty && version.utf8.count <= longestToken }

    private mutating func synced() -> Effect {
        failures = 0
        missing = 0
        isSynced = true
        isAbsent = false
        return .listComplete
    }

    /// The request that was under way is over.
    package mutating func finished(
        _ outcome: Outcome, now: MonotonicTime, random: inout RandomSource
    ) -> Effect {
        switch outcome {
        case .page(let version, let token): return page(version, token, now: now, random: &random)
        case .watchEnded: watchEnded(now: now, random: &random)
        case .refused(let status, let retryAfter):
            return refused(status, retryAfter, now: now, random: &random)
        case .broken:
            // A list that broke off begins anew: its token may be that of another server's cache.
            if case .listing = state { next = "" }
            pause(now: now, random: &random)
        case .silent: silent(now: now, random: &random)
        }
        return .none
    }

    private mutating func silent(now: MonotonicTime, random: inout RandomSource) {
        switch state {
        // A server that knows nothing of streaming lists never says that the list is complete.
        case .streaming: usesStreamingLists = false
        case .watching:
            silences += 1
            // Not even a bookmark: a server whose versions have gone back (etcd from a backup) is silent until they are where we are.
            if silences > 1 { return listAnew(now: now, random: &random) }
        case .waiting, .listing: break
        }
        failures += 1
        next = ""
        state = .waiting(until: now + Self.random(below: .seconds(1), &random))
    }

    /// What is had is too old, or is not to be relied on: all objects are asked for again, more rarely while that is in vain.
    private mutating func listAnew(now: MonotonicTime, random: inout RandomSource) {
        resourceVersion = ""
        next = ""
        // Who lists because a cache was lost is not alone.
        let longest = min(Self.longestPause.count, Self.listPause.count << Int64(min(vainLists, 8)))
        let shortest = vainLists == 0 ? 0 : longest / 2
        vainLists += 1
        let pause = Nanoseconds(shortest) + Self.random(below: Nanoseconds(longest - shortest), &random)
        state = .waiting(until: now + pause)
    }

    private mutating func page(
        _ version: String, _ token: String, now: MonotonicTime, random: inout RandomSource
    ) -> Effect {
        guard case .listing = state, Self.isUsable(version), token.utf8.count <= Self.longestToken else {
            next = ""
            pause(now: now, random: &random)
            return .none
        }
        failures = 0
        next = token
        state = .waiting(until: now)
        guard token.isEmpty else { return .none }
        resourceVersion = version
        return synced()
    }

    private mutating func watchEnded(now: MonotonicTime, random: inout RandomSource) {
        switch state {
        case .watching(let since) where now - since >= .seconds(1):
            // Orderly, after its time: the next one at once, but not those of all nodes in the same instant.
            state = .waiting(until: now + Self.random(below: .seconds(1), &random))
        case .streaming:
            usesStreamingLists = false
            pause(now: now, random: &random)
        case .waiting, .listing, .watching: pause(now: now, random: &random)
        }
    }

    private mutating func refused(
        _ status: Int, _ retryAfter: Nanoseconds?, now: MonotonicTime, random: inout RandomSource
    ) -> Effect {
        switch status {
        case 404, 405: return notServed(now: now, random: &random)
        case 410: listAnew(now: now, random: &random)
        case 400, 422:
            if case .streaming = state {
                usesStreamingLists = false
                state = .waiting(until: now)
                return .none
            }
            resourceVersion = ""
            next = ""
            pause(now: now, random: &random)
        default:
            next = ""
            pause(now: now, random: &random, atLeast: retryAfter)
        }
        return .none
    }

    private mutating func notServed(now: MonotonicTime, random: inout RandomSource) -> Effect {
        resourceVersion = ""
        next = ""
        version = (version + 1) % resource.versions.count
        missing += 1
        guard missing >= resource.versions.count else {
            state = .waiting(until: now)
            return .none
        }
        guard resource.isOptional else {
            pause(now: now, random: &random)
            return .none
        }
        let rounds = missing / resource.versions.count
        let longest = min(Self.longestAbsentPause.count, Self.absentPause.count << Int64(min(rounds - 1, 8)))
        let pause = Nanoseconds(longest / 2) + Self.random(below: Nanoseconds(longest / 2), &random)
        // The next round asks for every version without a pause between them.
        missing = rounds * resource.versions.count
        state = .waiting(until: now + pause)
        isSynced = true
        isAbsent = true
        return .absent
    }

    private mutating func pause(
        now: MonotonicTime, random: inout RandomSource, atLeast least: Nanoseconds? = nil
    ) {
        let longest = min(Self.longestPause.count, Self.firstPause.count << Int64(min(failures, 8)))
        failures += 1
        var pause = Nanoseconds(longest / 2) + Self.random(below: Nanoseconds(longest / 2), &random)
        // A server that asks for more than a few minutes has another problem than load.
        if let least { pause = max(pause, min(least, .seconds(300)) + Self.random(below: .seconds(1), &random)) }
        state = .waiting(until: now + pause)
    }

    private static func random(below limit: Nanoseconds, _ random: inout RandomSource) -> Nanoseconds {
        Nanoseconds(Int64.random(in: 0...max(1, limit.count), using: &random))
    }
}
