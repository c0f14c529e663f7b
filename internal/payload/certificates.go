package payload

// TrustFile is where the payload's OpenSSL, as Debian's and Alpine's own
// programs, looks for root certificates.
const TrustFile = "/etc/ssl/certs/ca-certificates.crt"

// CertificateBundles returns where distributions keep their root certificates
// in one file, TrustFile first. Where a system has several they are the same.
func CertificateBundles() []string {
	return []string{
		TrustFile,                          // Debian, Alpine
		"/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // the same, newer
		"/etc/pki/tls/cacert.pem",                           // OpenELEC
		"/etc/ssl/ca-bundle.pem",                            // SUSE
		"/etc/ssl/cert.pem",                                 // Alpine, BSD
		"/etc/ca-certificates/extracted/tls-ca-bundle.pem",  // Arch
	}
}
