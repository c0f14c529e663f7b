package setup

import "github.com/docker-openhands/docker-openhands/internal/payload"

// certificates sees to it that payload.TrustFile is a bundle: the base's own
// wherever it keeps it, so that its administrator's choice of roots counts,
// else the payload's.
func (s *stage) certificates() error {
	for _, bundle := range payload.CertificateBundles() {
		_, e, ok, err := s.resolve(bundle)
		if err != nil {
			return err
		}
		if ok && !e.Mode.IsRegular() && bundle == payload.TrustFile {
			s.note("%s is left as it is: it is no regular file, so that programs of the payload trust no server", bundle)
			return nil
		}
		if !ok || !e.Mode.IsRegular() || e.Size == 0 {
			continue
		}
		if bundle == payload.TrustFile {
			return nil
		}
		return s.symlink(payload.TrustFile, bundle)
	}
	return s.symlink(payload.TrustFile, payload.Certificates)
}
