package plan

import (
	"encoding/hex"
	"strconv"

	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// defaultID is the user ID that a server's images ask for; 0: the payload's
// own default, which need not be asked for.
func defaultID(server string) int {
	if id := payload.ServerNamed(server).UID; id != payload.DefaultID {
		return id
	}
	return 0
}

// wantedUser is whom sessions are for, in the form NAME[:UID] of --user.
func (r Runtime) wantedUser() string {
	if r.UID == 0 {
		return r.User
	}
	return r.User + ":" + strconv.Itoa(r.UID)
}

// choices is the part of the tag for whatever makes the image another one than
// the plain one over its base; empty for that one. The mark is that of the
// command for extra dependencies.
func (r Runtime) choices(server string, mark []byte) string {
	hash, plain := newDigest(), true
	for _, choice := range []struct{ name, value, usual string }{
		{"user", r.User, payload.User}, {"uid", strconv.Itoa(r.UID), strconv.Itoa(defaultID(server))}, {"sudo", strconv.FormatBool(r.Sudo), "true"},
		{"tools", string(r.Tools), string(payload.BaseFirst)}, {"order", string(r.LayerOrder), string(OrderAuto)}, {"assemble", string(r.Assemble), string(AssembleAuto)},
		{"library path", strconv.FormatBool(r.ExportLibraryPath), "false"}, {"extra", string(mark), ""},
	} {
		if choice.value != choice.usual {
			plain = false
			hash.add(choice.name, []byte(choice.value))
		}
	}
	if plain {
		return ""
	}
	return tag.Choices(hash.Sum(nil))
}

// setupRevision is raised when the same options come to another set-up layer
// or configuration.
const setupRevision = "4"

// setupHash is over what shapes the set-up layer and the configuration. Of extra
// dependencies it knows only whether there are any: their command may hold a
// password, and a hash of it could be searched.
func (r Runtime) setupHash() string {
	hash := newDigest()
	for _, field := range [][2]string{
		{"revision", setupRevision},
		{"user", r.User}, {"uid", strconv.Itoa(r.UID)}, {"sudo", strconv.FormatBool(r.Sudo)},
		{"order", string(r.LayerOrder)}, {"assemble", string(r.Assemble)},
		{"library path", strconv.FormatBool(r.ExportLibraryPath)}, {"extra", strconv.FormatBool(r.ExtraDeps != "")},
	} {
		hash.add(field[0], []byte(field[1]))
	}
	if r.Tools == payload.PayloadFirst { // older images are all of that choice
		hash.add("tools", []byte(r.Tools))
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
