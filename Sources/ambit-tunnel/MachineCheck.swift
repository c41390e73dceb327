// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import TLS
internal import Tunnel

/// Tries what a tunnel needs of the machine.
enum MachineCheck {
    /// One thing that was tried.
    struct Finding {
        enum Verdict: String {
            case good = "ok  "
            case doubtful = "warn"
            case missing = "FAIL"
        }

        let verdict: Verdict
        let subject: String
        /// What to do about it; empty when it is good.
        let advice: String
    }

    static func findings(_ configuration: TunnelConfiguration) -> [Finding] {
        capabilities() + kernel() + probes(configuration) + limits() + cryptography(configuration)
            + ports(configuration) + files(configuration) + rights(configuration)
    }

    /// capabilities(7): the bits of `CapEff`.
    private static func capabilities() -> [Finding] {
        let status = SmallFile.read("/proc/self/status") ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let bits = line.flatMap { UInt64($0.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16) } ?? 0
        let wanted: [(name: String, bit: UInt64, why: String)] = [
            ("CAP_NET_ADMIN", 12, "nftables rules, SO_MARK and transparent sockets in the pods"),
            ("CAP_NET_RAW", 13, "marking packets"),
            ("CAP_SYS_ADMIN", 21, "entering the pods' network namespaces"),
        ]
        return wanted.map { name, bit, why in
            finding(
                bits & 1 << bit != 0, "capability \(name)", "needed for \(why); run as root or add it to the container")
        }
    }

    private static func kernel() -> [Finding] {
        let release = (SmallFile.read("/proc/sys/kernel/osrelease") ?? "").prefix { $0 != "\n" }
        let numbers = release.split(whereSeparator: { $0 == "." || $0 == "-" }).prefix(2).compactMap { Int($0) }
        let isNew = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 2)
        var findings = [
            finding(isNew, "kernel \(release)", "nat chains for IPv4 and IPv6 together need Linux 5.2 or later"),
            finding(
                KernelFeature.hasNetfilterNetlink, "nftables", "the kernel lacks nfnetlink; load the module nf_tables"),
            finding(
                KernelFeature.canBeTransparent, "transparent sockets",
                "clients' addresses cannot be kept: CAP_NET_ADMIN is missing, or use --source-address own",
                otherwise: .doubtful),
        ]
        let isIPv6Off = SmallFile.read("/proc/sys/net/ipv6/conf/all/disable_ipv6").map { $0.hasPrefix("1") } ?? true
        if isIPv6Off {
            findings.append(Finding(verdict: .doubtful, subject: "IPv6", advice: "is off here; IPv4 is served alone"))
        }
        return findings
    }

    private static func probes(_ configuration: TunnelConfiguration) -> [Finding] {
        guard configuration.followsCluster, configuration.kubeletGroup != KubeletProbes.none else { return [] }
        let obstacle = KubeletProbes.obstacle(configuration)
        return [
            finding(
                obstacle == nil, "kubelet",
                "its probes get no exemption, and pods under STRICT refuse them: \(obstacle ?? "")",
                otherwise: .doubtful)
        ]
    }

    private static func limits() -> [Finding] {
        let backlog = SmallFile.read("/proc/sys/net/core/somaxconn").flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
        let descriptors = ProcessStatus.hardDescriptorLimit
        return [
            finding(
                backlog >= 1_024, "accept queues of \(backlog)",
                "bursts may be refused; sysctl -w net.core.somaxconn=4096",
                otherwise: .doubtful),
            finding(
                descriptors >= 65_536, "\(descriptors) file descriptors",
                "about two are needed per connection; raise LimitNOFILE or ulimit -Hn", otherwise: .doubtful),
        ]
    }

    /// Which key-exchange groups are in use, and whether one of them is safe from quantum computers to come.
    private static func cryptography(_ configuration: TunnelConfiguration) -> [Finding] {
        var options = TLSOptions()
        options.groups = configuration.keyExchangeGroups
        let groups = TLSLibrary.availableGroups(options)
        let subject = "key exchange \(groups.joined(separator: ", ")) of \(TLSLibrary.version)"
        return [
            finding(
                groups.contains { $0.contains("MLKEM") }, subject,
                "not post-quantum: X25519MLKEM768 needs OpenSSL 3.5 or later, and a place in --tls-groups",
                otherwise: groups.isEmpty ? .missing : .doubtful)
        ]
    }

    private static func ports(_ configuration: TunnelConfiguration) -> [Finding] {
        let wanted: [(String, IPAddress, UInt16)] = [
            ("admin", .loopbackV4, configuration.adminPort),
            ("metrics", configuration.bindAddress, configuration.metricsPort),
            ("readiness", configuration.bindAddress, configuration.readinessPort),
        ]
        return wanted.map { name, ip, port in
            let address = SocketAddress(ip: ip, port: port)
            var options = Socket.ListenOptions(address: address)
            do throws(SystemError) {
                options.sharesPort = false
                _ = try Socket.listen(options)
                return Finding(verdict: .good, subject: "\(name) port \(address)", advice: "")
            } catch {
                if isShared(address) {
                    return Finding(
                        verdict: .doubtful, subject: "\(name) port \(address)",
                        advice: "a tunnel listens there; `run` would share the port with it until one of them ends")
                }
                let advice = "\(error); is a tunnel running already? choose another port with --\(name)-port"
                return Finding(verdict: .missing, subject: "\(name) port \(address)", advice: advice)
            }
        }
    }

    /// Whether whoever has a port shares it, as a tunnel does with its successor.
    private static func isShared(_ address: SocketAddress) -> Bool {
        do throws(SystemError) {
            _ = try Socket.listen(Socket.ListenOptions(address: address))
            return true
        } catch {
            return false
        }
    }

    private static func files(_ configuration: TunnelConfiguration) -> [Finding] {
        var findings: [Finding] = []
        if !configuration.configDirectory.isEmpty {
            let path = configuration.configDirectory
            let number = SmallFile.access(path, write: false, search: true)
            findings.append(
                finding(number == 0, "configuration folder \(path)", "cannot be read: \(SystemError(number, "access"))")
            )
            if number == 0 { findings += manifests(configuration) }
        }
        let path = configuration.caDirectory
        let number = SmallFile.access(path, write: true, search: true)
        let isThere = number == 0
        findings.append(
            isThere
                ? Finding(verdict: .good, subject: "CA folder \(path)", advice: "")
                : Finding(
                    verdict: .doubtful, subject: "CA folder \(path)",
                    advice:
                        "\(SystemError(number, "access")); it is made at the first start if its parent can be written"))
        return findings
    }

    static func finding(
        _ isGood: Bool, _ subject: String, _ advice: String, otherwise: Finding.Verdict = .missing
    ) -> Finding {
        Finding(verdict: isGood ? .good : otherwise, subject: subject, advice: isGood ? "" : advice)
    }
}
