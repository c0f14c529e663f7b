package setup

import "github.com/docker-openhands/docker-openhands/internal/payload"

// certificateFile is where the payload's OpenSSL, as Debian's and Alpine's own
// programs, looks for root certificates.
const certificateFile = "/etc/ssl/certs/ca-certificates.crt"

// certificates sees to it that certificateFile is a bundle: the base's own
// wherever it keeps it, so that its administrator's choice of roots counts,
// else the payload's.
func (s *stage) certificates() error {
	for _, bundle := range []string{
		certificateFile,
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // the same, newer
		"/etc/pki/tls/cacert.pem",                           // OpenELEC
		"/etc/ssl/ca-bundle.pem",                            // SUSE
		"/etc/ssl/cert.pem",                                 // Alpine, BSD
		"/etc/ca-certificates/extracted/tls-ca-bundle.pem",  // Arch
	} {
		_, e, ok, err := s.resolve(bundle)
		if err != nil {
			return err
		}
		if ok && !e.Mode.IsRegular() && bundle == certificateFile {
			s.note("%s is left as it is: it is no regular file, so that programs of the payload trust no server", bundle)
			return nil
		}
		if !ok || !e.Mode.IsRegular() || e.Size == 0 {
			continue
		}
		if bundle == certificateFile {
			return nil
		}
		return s.symlink(certificateFile, bundle)
	}
	return s.symlink(certificateFile, payload.Certificates)
}
