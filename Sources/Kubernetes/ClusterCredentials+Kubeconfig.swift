// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import LinuxIO
internal import Manifest

extension ClusterCredentials {
    /// Where the kubelet puts what a pod needs (k8s.io/client-go rest.InClusterConfig).
    private static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"
    /// A kubeconfig larger than this is none: it holds a few certificates for each cluster.
    private static let kubeconfigLimits = 4 << 20

    /// The credentials to use: those of `kubeconfig`; else of the pod we are in; else of `$KUBECONFIG` or
    /// `~/.kube/config`.
    ///
    /// - Parameters:
    ///   - kubeconfig: the path that somebody asked for; empty for none.
    ///   - context: which context of it; empty for its current one.
    /// - Returns: the credentials and the file they are from, for messages.
    /// - Throws: `.credentials`.
    package static func find(
        kubeconfig: String, context: String = "", environment: (String) -> String?
    ) throws(KubernetesFileError) -> ClusterCredentials {
        if !kubeconfig.isEmpty { return try load(kubeconfig, context: context) }
        if let inCluster = inCluster(environment: environment) { return inCluster }
        // Of a list of files the first counts; kubectl merges them.
        let listed = environment("KUBECONFIG")?.split(separator: ":").first.map(String.init)
        if let listed { return try load(listed, context: context) }
        let home = (environment("HOME") ?? "/root") + "/.kube/config"
        do throws(SystemError) {
            _ = try FileSystem.status(of: home)
        } catch {
            throw KubernetesFileError(file: "", error: .credentials(.none))
        }
        return try load(home, context: context)
    }

    /// The credentials of the pod we are in; nil when this is no pod with a service account.
    static func inCluster(
        environment: (String) -> String?, directory: String = serviceAccountDirectory
    ) -> ClusterCredentials? {
        guard let host = environment("KUBERNETES_SERVICE_HOST"), let name = ServerName(host),
            let port = environment("KUBERNETES_SERVICE_PORT"),
            let server = ServerAddress("https://\(host.contains(":") ? "[\(host)]" : host):\(port)"),
            SmallFile.read(directory + "/token") != nil
        else { return nil }
        var result = ClusterCredentials(
            server: server, serverName: name, authorities: .file(directory + "/ca.crt"))
        result.token = .file(directory + "/token")
        if let namespace = SmallFile.read(directory + "/namespace") {
            result.namespace = String(namespace.prefix { $0 != "\n" })
        }
        return result
    }

    /// Reads a kubeconfig file.
    package static func load(_ path: String, context: String) throws(KubernetesFileError) -> ClusterCredentials {
        let octets: [UInt8]
        do throws(SystemError) {
            octets = try FileSystem.contents(of: path, limit: kubeconfigLimits)
        } catch {
            throw KubernetesFileError(file: path, error: .credentials(.unreadable))
        }
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { String(path[...$0]) } ?? ""
        do throws(KubernetesError) {
            return try read(kubeconfig: octets, context: context, directory: directory)
        } catch {
            throw KubernetesFileError(file: path, error: error)
        }
    }

    /// Reads the text of a kubeconfig (k8s.io/client-go tools/clientcmd/api/v1).
    ///
    /// - Parameter directory: what relative paths count from, with a slash at its end.
    /// - Throws: `.credentials`.
    package static func read(
        kubeconfig octets: [UInt8], context: String, directory: String
    ) throws(KubernetesError) -> ClusterCredentials {
        let root: YAMLNode
        do throws(ManifestError) {
            guard let first = try YAMLDocument.parse(octets).first else { throw ManifestError.folder(errno: 0) }
            root = first.root
        } catch {
            throw .credentials(.malformed)
        }
        guard root.kind == .mapping else { throw .credentials(.malformed) }
        let name = context.isEmpty ? root["current-context"]?.string ?? "" : context
        guard !name.isEmpty, let chosen = named(name, "context", in: root["contexts"]) else {
            throw .credentials(.noContext)
        }
        guard let cluster = named(chosen["cluster"]?.string ?? "", "cluster", in: root["clusters"]) else {
            throw .credentials(.noCluster)
        }
        guard let server = ServerAddress(cluster["server"]?.string ?? "") else { throw .credentials(.server) }
        guard cluster["insecure-skip-tls-verify"]?.boolean != true else { throw .credentials(.insecure) }
        guard let serverName = ServerName(cluster["tls-server-name"]?.string ?? server.host) else {
            throw .credentials(.server)
        }
        guard let authorities = try source("certificate-authority", in: cluster, directory) else {
            throw .credentials(.authority)
        }
        var result = ClusterCredentials(server: server, serverName: serverName, authorities: authorities)
        if let namespace = chosen["namespace"]?.string, !namespace.isEmpty { result.namespace = namespace }
        guard let userName = chosen["user"]?.string, !userName.isEmpty else { return result }
        guard let user = named(userName, "user", in: root["users"]) else { throw .credentials(.noUser) }
        try result.take(user, directory)
        return result
    }

    private mutating func take(_ user: YAMLNode, _ directory: String) throws(KubernetesError) {
        guard user.kind == .mapping else { return }  // a user without anything is anonymous
        for key in ["exec", "auth-provider", "username", "password", "as"] where user[key].map(\.isNull) == false {
            throw .credentials(.unsupported)
        }
        if let certificate = try Self.source("client-certificate", in: user, directory) {
            guard let key = try Self.source("client-key", in: user, directory) else {
                throw .credentials(.certificate)
            }
            identity = (certificate, key)
        }
        if let path = user["tokenFile"]?.string, !path.isEmpty {
            token = .file(Self.absolute(path, directory))
        } else if let text = user["token"]?.string, !text.isEmpty {
            token = .data(Array(text.utf8))
        }
    }

    /// The value of the entry `name` of a list of `{name: …, KIND: …}`.
    private static func named(_ name: String, _ kind: String, in list: YAMLNode?) -> YAMLNode? {
        guard let list else { return nil }
        for element in list.elements where element["name"]?.string == name { return element[kind] }
        return nil
    }

    /// `KEY-data` in base64 wins over the file in `KEY`, as for kubectl.
    private static func source(
        _ key: String, in node: YAMLNode, _ directory: String
    ) throws(KubernetesError) -> Source? {
        if let text = node[key + "-data"]?.string, !text.isEmpty {
            guard let octets = Base64.decode(text) else {
                throw .credentials(key == "certificate-authority" ? .authority : .certificate)
            }
            return .data(octets)
        }
        guard let path = node[key]?.string, !path.isEmpty else { return nil }
        return .file(absolute(path, directory))
    }

    private static func absolute(_ path: String, _ directory: String) -> String {
        path.hasPrefix("/") ? path : directory + path
    }
}

/// What is wrong with credentials, and in which file.
package struct KubernetesFileError: Error, Sendable, CustomStringConvertible {
    /// The file; empty when none was found.
    package let file: String
    /// What is wrong.
    package let error: KubernetesError

    package var description: String { file.isEmpty ? "\(error)" : "\(file): \(error)" }
}
