// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// One call of the plugin by a container runtime (CNI specification 1.1.0).
///
/// The runtime says in the environment what it wants and for whom, and on standard input how the network is set up; standard output
/// is for the result, or for an error with a number.
package struct CNIPlugin {
    private let environment: (String) -> String?
    private let input: [UInt8]

    /// What a runtime writes at most on standard input; a list and the result of its plugins take some KiB.
    package static let maximumInput = 1 << 20
    /// Enrolled namespaces: 253 octets each.
    private static let maximumNamespaces = 16 << 20

    /// A call.
    package init(environment: @escaping (String) -> String?, input: [UInt8]) {
        self.environment = environment
        self.input = input
    }

    /// What the runtime gets.
    package struct Output: Sendable, Equatable {
        /// What goes to standard output.
        package var text: [UInt8]
        /// Whether it is a result and no error.
        package var isGood: Bool
    }

    /// Does what the runtime wants.
    package func run() -> Output {
        var version = CNIConfiguration.versions.last ?? ""
        var reason = ""
        do throws(CNIError) {
            let command = environment("CNI_COMMAND") ?? ""
            if command == "VERSION" { return Output(text: Self.versionText, isGood: true) }
            let configuration: CNIConfiguration
            do throws(CNIError) {
                configuration = try CNIConfiguration(input)
            } catch .configuration where command == "DEL" {
                // What another setting has let in has to be able to go.
                return Output(text: [], isGood: true)
            }
            version = configuration.version
            switch command {
            case "ADD":
                let result = try configuration.previousResult()
                try join(.add, configuration, &reason)
                return Output(text: result, isGood: true)
            case "CHECK": try join(.check, configuration, &reason)
            case "DEL": leave(configuration)
            // Nothing of ours is left in a namespace that is gone.
            case "GC": break
            // Without a tunnel too: a node that is not ready would not start its tunnel either.
            case "STATUS": break
            default: throw .environment("CNI_COMMAND")
            }
            return Output(text: [], isGood: true)
        } catch {
            return Output(text: Self.errorText(error, reason, version: version), isGood: false)
        }
    }

    // MARK: - The tunnel

    private func join(
        _ command: CNIRequest.Command, _ configuration: CNIConfiguration, _ reason: inout String
    ) throws(CNIError) {
        guard let path = environment("CNI_NETNS"), path.hasPrefix("/") else { throw .environment("CNI_NETNS") }
        guard environment("CNI_CONTAINERID")?.isEmpty == false else { throw .environment("CNI_CONTAINERID") }
        // A runtime that is none of Kubernetes' starts containers that are no pods.
        guard let request = request(command, path) else { return }
        let answer = ask(request, configuration) ?? CNIAnswer(.unknown)
        reason = answer.text
        switch answer.outcome {
        case .joined, .exempt: return
        case .failed: throw .refused
        case .unknown:
            if request.namespace == configuration.ownNamespace { return }
            switch configuration.whenAway {
            case .allow: return
            case .fail: throw .away
            case .failEnrolled: guard !isEnrolled(request.namespace, configuration) else { throw .away }
            }
        }
    }

    /// Says that a pod is gone; who does not hear it finds out by itself.
    private func leave(_ configuration: CNIConfiguration) {
        guard let request = request(.delete, environment("CNI_NETNS") ?? "") else { return }
        var brief = configuration
        brief.timeoutSeconds = 2
        _ = ask(request, brief)
    }

    /// The pod of `CNI_ARGS` (`K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=…`).
    private func request(_ command: CNIRequest.Command, _ path: String) -> CNIRequest? {
        var values: [Substring: Substring] = [:]
        for pair in (environment("CNI_ARGS") ?? "").split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        guard let namespace = values["K8S_POD_NAMESPACE"], let name = values["K8S_POD_NAME"] else { return nil }
        return CNIRequest(
            command, namespace: String(namespace), name: String(name), uid: String(values["K8S_POD_UID"] ?? ""),
            path: path)
    }

    /// Asks the tunnel; nil when it does not answer in time.
    private func ask(_ request: CNIRequest, _ configuration: CNIConfiguration) -> CNIAnswer? {
        let deadline = MonotonicClock.now() + .seconds(Int64(configuration.timeoutSeconds))
        do throws(SystemError) {
            let socket = try UnixSocket.connect(configuration.socket)
            let line = request.line
            guard case .bytes(line.count) = Socket.write(socket.rawValue, line.span) else { return nil }
            var answer = ByteBuffer(capacity: CNIRequest.maximumLine)
            while true {
                switch Socket.read(socket.rawValue, into: &answer) {
                case .bytes:
                    let text = Array(copying: answer.readable)
                    guard text.last == 0x0A else { continue }
                    return Self.answer(text)
                case .wouldBlock:
                    let left = (deadline - MonotonicClock.now()).milliseconds
                    guard left > 0,
                        UnixSocket.waitUntilReadable(socket.rawValue, milliseconds: CInt(clamping: left))
                    else { return nil }
                case .endOfStream, .failed: return nil
                }
            }
        } catch {
            return nil
        }
    }

    private static func answer(_ line: [UInt8]) -> CNIAnswer? {
        do { return try CNIAnswer(line) } catch { return nil }
    }

    /// Whether the tunnel has last seen the namespace enrolled; where it never was there is no file.
    ///
    /// A file that cannot be read, or is too large, says nothing of the namespace, which then counts as enrolled.
    private func isEnrolled(_ namespace: String, _ configuration: CNIConfiguration) -> Bool {
        do throws(SystemError) {
            let text = try FileSystem.contents(of: configuration.enrolled, limit: Self.maximumNamespaces + 1)
            guard text.count <= Self.maximumNamespaces else { return true }
            return text.split(separator: 0x0A).contains { $0.elementsEqual(namespace.utf8) }
        } catch {
            return !error.isNotFound
        }
    }
}
