// Package fingerprint reports whether two texts are the same where one of them
// must not be shown: it may hold a password, and what stands for it is
// published with an image.
package fingerprint

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// A fingerprint is "pbkdf2-sha256:ROUNDS:SALT:KEY", the last two in hexadecimal.
// Every guess of one who searches costs that many rounds, and serves for one
// fingerprint only.
const (
	rounds     = 200_000
	saltLength = 16 // bytes
	keyLength  = 32 // bytes
)

var scheme = fmt.Sprintf("pbkdf2-sha256:%d:", rounds)

// New returns a fingerprint of text, each time another one; empty for none.
func New(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails
	return with(salt, text)
}

func with(salt []byte, text string) (string, error) {
	key, err := pbkdf2.Key(sha256.New, text, salt, rounds, keyLength)
	if err != nil {
		return "", fmt.Errorf("making a fingerprint: %w", err)
	}
	return scheme + hex.EncodeToString(salt) + ":" + hex.EncodeToString(key), nil
}

// markLength is so little that many texts have the mark of any one.
const markLength = 3 // bytes

// Mark returns what tells texts apart in a name: it is the same each time, and
// empty for none. Two texts have the same one in 16 million. So a guess that
// comes to the mark may well be wrong, and each costs as much as one at a
// fingerprint.
func Mark(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	key, err := pbkdf2.Key(sha256.New, text, []byte("docker openhands: mark in a name"), rounds, markLength)
	if err != nil {
		return nil, fmt.Errorf("making a mark: %w", err)
	}
	return key, nil
}

// Of reports whether fingerprint is one of text. One in another form is not.
func Of(fingerprint, text string) bool {
	if fingerprint == "" || text == "" {
		return fingerprint == text
	}
	rest, ok := strings.CutPrefix(fingerprint, scheme)
	hexSalt, _, found := strings.Cut(rest, ":")
	salt, err := hex.DecodeString(hexSalt)
	if !ok || !found || err != nil || len(salt) != saltLength {
		return false
	}
	same, err := with(salt, text)
	return err == nil && same == fingerprint
}
