// swift-tools-version: 6.2
// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// The settings of every Swift target: language mode 6, strict memory safety, no warnings.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

/// `make test-thread` sets it to have ThreadSanitizer's checks in every module but TLS.
///
/// TLS the compiler (6.3.1) turns into code that its own verifier rejects; a TLS session belongs to one thread, and what
/// is shared there is behind a `Lock`.
let threadSanitizer = Context.environment["AMBIT_TSAN"] == "1"

func settings(_ module: String = "") -> [SwiftSetting] {
    let settings = strict + (module == "Waypoint" ? unchecked : [])
    guard threadSanitizer else { return settings }
    return settings + [.define("AMBIT_TSAN")] + (module == "TLS" ? [] : [.unsafeFlags(["-sanitize=thread"])])
}

let testLinker: [LinkerSetting] = threadSanitizer ? [.unsafeFlags(["-sanitize=thread"])] : []

/// Release executables hold the parts of Swift's run time that they use: they need no toolchain where they run, and less
/// memory (docs/performance.md).
let release: [LinkerSetting] = [
    .unsafeFlags(["-static-stdlib"], .when(configuration: .release))
]

/// Checks of exclusive access at run time are left out of released waypoints: each exchange enters some thirty collections of
/// its worker (docs/performance.md); tests and fuzzers keep the checks.
let unchecked: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

/// The modules, lowest layer first: a module depends only on modules above its own line (docs/architecture.md).
let modules: [(name: String, dependencies: [String])] = [
    ("Bytes", []),
    ("HTTP", ["Bytes"]),
    ("Identity", ["Bytes", "COpenSSL", "CLinux"]),
    ("LinuxIO", ["Bytes", "CLinux"]),
    ("Console", ["Bytes", "LinuxIO"]),
    ("RegularExpressions", ["Bytes"]),
    ("Mesh", ["Bytes", "Identity"]),
    ("Telemetry", ["Bytes", "LinuxIO", "CLinux"]),
    ("HTTP2", ["Bytes"]),
    ("HTTP1", ["Bytes"]),
    ("GRPC", ["Bytes", "HTTP2"]),
    ("Authorization", ["Bytes", "Identity", "Mesh"]),
    ("Routing", ["Bytes", "Identity", "Mesh"]),
    ("HTTPRouting", ["Bytes", "HTTP", "Identity", "Mesh", "RegularExpressions", "Routing"]),
    ("TLS", ["Bytes", "Identity", "COpenSSL"]),
    ("Manifest", ["Bytes", "Identity", "LinuxIO", "Mesh", "RegularExpressions", "CLinux"]),
    ("HBONE", ["Bytes", "Identity", "LinuxIO", "HTTP2", "TLS"]),
    ("Kubernetes", ["Bytes", "Identity", "LinuxIO", "Mesh", "Telemetry", "HTTP2", "TLS", "Manifest", "HBONE"]),
    ("CNI", ["Bytes", "LinuxIO", "Telemetry", "Manifest", "Kubernetes"]),
    (
        "Operator",
        [
            "Bytes", "Identity", "LinuxIO", "Mesh", "Telemetry", "Manifest", "HTTP", "HTTPRouting", "Kubernetes",
        ]
    ),
    ("Certificates", ["Bytes", "Identity", "LinuxIO", "HTTP2", "TLS", "GRPC", "HBONE"]),
    (
        "CertificateService",
        [
            "Bytes", "Identity", "LinuxIO", "Telemetry", "HTTP2", "TLS", "Manifest", "GRPC", "HBONE", "Kubernetes",
            "Certificates",
        ]
    ),
    ("Redirection", ["Bytes", "LinuxIO", "CLinux", "CNetfilter"]),
    (
        "Tunnel",
        [
            "Bytes", "Identity", "LinuxIO", "Mesh", "Telemetry", "HTTP2", "Authorization", "Routing", "TLS", "Manifest",
            "HBONE", "Certificates", "Redirection", "Kubernetes", "CNI",
        ]
    ),
    (
        "Waypoint",
        [
            "Bytes", "HTTP", "HTTP1", "HTTP2", "Identity", "LinuxIO", "Mesh", "Telemetry", "Routing", "HTTPRouting",
            "TLS", "Manifest", "HBONE", "Kubernetes", "GRPC", "Certificates",
        ]
    ),
]

let package = Package(
    name: "ambit",
    products: [
        .executable(name: "ambit-tunnel", targets: ["ambit-tunnel"]),
        .executable(name: "ambit-waypoint", targets: ["ambit-waypoint"]),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CNetfilter", pkgConfig: "libnftnl", providers: [.apt(["libnftnl-dev", "libmnl-dev"])]),
    ]
        + modules.map { module in
            .target(
                name: module.name, dependencies: module.dependencies.map { .init(stringLiteral: $0) },
                swiftSettings: settings(module.name))
        }
        + modules.map { module in
            .testTarget(
                name: module.name + "Tests",
                dependencies: ([module.name] + module.dependencies
                    + (["HTTP", "HTTP1", "HTTP2", "HTTPRouting", "Kubernetes"].contains(module.name)
                        ? ["AllocationCounter"] : []))
                    .map { .init(stringLiteral: $0) },
                exclude: ["Manifest", "RegularExpressions"].contains(module.name) ? ["Fixtures"] : [],
                swiftSettings: settings(), linkerSettings: testLinker)
        } + [
            .testTarget(
                name: "FuzzTests",
                dependencies: [
                    "Bytes", "HTTP1", "HTTP2", "Manifest", "Identity", "GRPC", "Certificates", "CertificateService",
                    "RegularExpressions", "Kubernetes",
                ], path: "Tests/Fuzz",
                exclude: ["Driver", "Corpus", "FailCases", "run"], swiftSettings: settings(),
                linkerSettings: testLinker),
            .executableTarget(
                name: "ambit-tunnel",
                dependencies: [
                    "Bytes", "Console", "Identity", "LinuxIO", "Mesh", "Telemetry", "TLS", "Manifest", "Certificates",
                    "CertificateService", "Redirection", "Kubernetes", "CNI", "Tunnel",
                ],
                swiftSettings: settings(), linkerSettings: release + testLinker),
            .target(
                name: "AllocationCounter", path: "Tests/AllocationCounter",
                cSettings: threadSanitizer ? [.define("AMBIT_SANITIZED")] : []),
            .executableTarget(
                name: "ambit-waypoint",
                dependencies: [
                    "Bytes", "Certificates", "Console", "Identity", "LinuxIO", "Kubernetes", "Manifest", "Operator",
                    "Telemetry", "Waypoint",
                ],
                swiftSettings: settings(), linkerSettings: release + testLinker),
            .testTarget(
                name: "TunnelCommandTests", dependencies: ["ambit-tunnel", "Bytes", "Telemetry", "Tunnel"],
                swiftSettings: settings(), linkerSettings: testLinker),
        ]
)
