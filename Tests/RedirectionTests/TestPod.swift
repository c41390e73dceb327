// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import CLinux
import Glibc
import LinuxIO

/// Two network namespaces joined by a veth pair: a pod, and the client or server at its other end.
///
/// Neither has a name: both are gone when their handles are, also when the tests crash.
final class TestPod: Sendable {
    static let clientV4 = address("10.99.0.1")
    static let clientV6 = address("fd00:99::1")
    static let podV4 = address("10.99.0.2")
    static let podV6 = address("fd00:99::2")
    static let probeV4 = address("169.254.7.127")
    static let probeV6 = address("fd16:9254:7127:1337:ffff:ffff:ffff:ffff")

    let pod: NetworkNamespace
    let client: NetworkNamespace
    let own: NetworkNamespace

    /// Fails, rather than skips, without root: these tests are the proof that redirection works.
    init(loopbackUp: Bool = true) throws {
        guard geteuid() == 0 else { throw TestFailure("network namespaces need root: run the tests as root") }
        own = try NetworkNamespace.own()
        pod = try Self.makeNamespace(returningTo: own)
        client = try Self.makeNamespace(returningTo: own)
        try inClient {
            try Shell.run(
                """
                ip -batch - <<END
                link set lo up
                link add eth0 type veth peer name eth0 netns /proc/\(getpid())/fd/\(pod.rawValue)
                addr add 10.99.0.1/24 dev eth0
                addr add 169.254.7.127/32 dev eth0
                link set eth0 up
                addr add fd00:99::1/64 dev eth0 nodad
                addr add fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128 dev eth0 nodad
                END
                \(Self.untilAddressesCount)
                """)
        }
        try inPod {
            try Shell.run(
                """
                ip -batch - <<END
                \(loopbackUp ? "link set lo up" : "")
                addr add 10.99.0.2/24 dev eth0
                link set eth0 up
                route add default via 10.99.0.1
                addr add fd00:99::2/64 dev eth0 nodad
                route add default via fd00:99::1
                END
                \(Self.untilAddressesCount)
                """)
        }
        // The kernel adds these routes from a work queue once both ends are up: without them a pod is no destination yet.
        try inPod { try Shell.waitForLine("ip -6 route show table local", containing: "fd00:99::2 ") }
        try inClient { try Shell.waitForLine("ip -6 route show table local", containing: "fd00:99::1 ") }
    }

    /// Without duplicate address detection too, an address is tentative until a thread of the kernel has looked at it, and
    /// `fib daddr type local` does not count it until then: a busy machine takes its time.
    private static let untilAddressesCount = """
        for i in $(seq 1000); do [ -z "$(ip -6 -o addr show tentative to fd00::/8)" ] && break; sleep 0.01; done
        """

    /// Runs `body` with the thread in the pod's namespace; programs it starts run there too.
    @discardableResult
    func inPod<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
        try pod.within(returningTo: own, orThrow: { $0 as any Error }, body)
    }

    /// Runs `body` with the thread in the other end's namespace.
    @discardableResult
    func inClient<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
        try client.within(returningTo: own, orThrow: { $0 as any Error }, body)
    }

    private static func makeNamespace(returningTo own: borrowing NetworkNamespace) throws -> NetworkNamespace {
        guard CLinux_unshare(CLINUX_CLONE_NEWNET) == 0 else { throw TestFailure("unshare: errno \(errno)") }
        defer { if CLinux_setns(own.rawValue, CLINUX_CLONE_NEWNET) != 0 { abort() } }
        return try NetworkNamespace.own()
    }

    private static func address(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("not an address: \(text)") }
        return address
    }
}

/// What a test could not set up.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The programs of the system, as a second opinion on what the module wrote.
enum Shell {
    /// Runs a command in the calling thread's network namespace and returns what it printed.
    @discardableResult
    static func run(_ command: String) throws -> String {
        guard let stream = unsafe popen("{ \(command)\n} 2>&1", "r") else { throw TestFailure("popen: errno \(errno)") }
        var output: [UInt8] = []
        while true {
            let octet = unsafe fgetc(stream)
            if octet < 0 { break }
            output.append(UInt8(truncatingIfNeeded: octet))
        }
        let status = unsafe pclose(stream)
        let text = String(decoding: output, as: UTF8.self)
        guard status == 0 else { throw TestFailure("\(command): status \(status): \(text)") }
        return text
    }

    /// Runs a command until its output contains `text`, half a minute at most.
    static func waitForLine(_ command: String, containing text: String) throws {
        try run("timeout 30 sh -c 'until \(command) | grep -q \"\(text)\"; do sleep 0.01; done'")
    }

    /// The output's lines without indentation, empty lines, and what counters counted.
    static func lines(_ command: String) throws -> [String] {
        try run(command).split(separator: "\n").map { line in
            var words: [Substring] = []
            for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
                if words.suffix(2) == ["packets", word] { continue }
                words.append(word)
            }
            while let index = words.firstIndex(of: "packets"), index + 3 < words.count, words[index + 2] == "bytes" {
                words.removeSubrange(index..<(index + 4))
            }
            return words.joined(separator: " ")
        }.filter { !$0.isEmpty }
    }
}
