// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Certificates
internal import TLS

extension TunnelConfiguration {
    /// Where certificates come from, and on what terms.
    package var certificates: CertificateSettings {
        var settings = CertificateSettings(source: certificateSource, trustDomain: trustDomain)
        settings.validitySeconds = svidValiditySeconds
        settings.revocationFiles = revocationFiles
        settings.whenUnreadable = whenRevocationUnreadable
        settings.whenExpired = whenRevocationExpired
        settings.tls.groups = keyExchangeGroups
        return settings
    }

    private var certificateSource: CertificateSettings.Source {
        guard let caAddress else { return .directory(caDirectory) }
        var service = CertificateSettings.Service(
            host: caAddress.host, port: caAddress.port, rootsFile: caRootsFile, tokenFile: caTokenFile)
        service.clusterID = clusterID
        return .service(service)
    }
}
