package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// maxTOML is the size in bytes of the largest config.toml that is read without
// having been named.
const maxTOML = 1 << 20

// FoundTOML is the name of the file of OpenHands' settings in a working directory.
const FoundTOML = "config.toml"

// ReadFound reads the config.toml of the working directory; nil without one.
// It may be a link, but not one that leads elsewhere.
func ReadFound() (*TOML, error) {
	text, err := func() ([]byte, error) {
		folder, err := os.OpenRoot(".")
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		info, err := folder.Stat(FoundTOML)
		switch {
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, errors.New("it is no regular file")
		case info.Size() > maxTOML:
			return nil, fmt.Errorf("it has %d bytes, more than %d", info.Size(), maxTOML)
		}
		return folder.ReadFile(FoundTOML)
	}()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, problem.New(problem.BadSetting, "the "+FoundTOML+" of this folder cannot be read", err,
			"Name a file with --config; --config /dev/null reads none")
	}
	file, err := ParseTOML(FoundTOML, text)
	if err != nil {
		return nil, err
	}
	file.Found = true
	return file, nil
}

// Judge marks the values that a found file may not choose, and returns the names
// of all that it chooses. Settings in unused are not looked at.
func (values Values) Judge(file *TOML, unused []string) (chosen []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if !v.Origin.Found || slices.Contains(unused, name) {
			continue
		}
		chosen = append(chosen, name)
		v.Refused = v.beyond() != within && !file.trusted()
		values[name] = v
	}
	return chosen
}

// Heed refuses what a found file chooses and may not, and notes in one line what
// it chooses. Settings in unused are not looked at.
func (values Values) Heed(file *TOML, unused []string, note func(format string, args ...any)) error {
	chosen := values.Judge(file, unused)
	var what, flags []string
	for _, name := range chosen {
		if v := values[name]; v.Refused {
			what = append(what, fmt.Sprintf("%s may not %s", v.Origin, v.beyond()))
			flags = append(flags, v.asFlags())
		}
	}
	if len(what) > 0 {
		return problem.New(problem.BadSetting, fmt.Sprintf("%s was only found in this folder: %s", file.Name, strings.Join(what, ", and ")), nil,
			fmt.Sprintf("If you want it, say so yourself: %s. Or allow this folder's file as it is now: docker openhands config --trust", strings.Join(flags, " ")))
	}
	if len(chosen) > 0 {
		note("using %s of this folder: %s", file.Name, strings.Join(chosen, ", "))
	}
	return nil
}

var plainWord = regexp.MustCompile(`^[0-9A-Za-z_./:=@%+,-]+$`)

// asFlags is a value as it is written on the command line.
func (v Value) asFlags() string {
	texts := v.Texts
	if v.Kind != List {
		texts = []string{v.String()}
	}
	var flags []string
	for _, text := range texts {
		if !plainWord.MatchString(text) {
			text = "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
		}
		flags = append(flags, "--"+v.Name+" "+text)
	}
	return strings.Join(flags, " ")
}

// The user's yes to a found file is a file of its own in the user's folder of
// configurations, one for each folder, with a line as sha256sum prints it: it
// holds as long as the content does.

// yes returns where the yes to the file is kept, and the line that says it.
func (t *TOML) yes() (name, line string, err error) {
	folder, err := filepath.Abs(filepath.Dir(t.Name))
	if err == nil {
		folder, err = filepath.EvalSymlinks(folder)
	}
	if err != nil {
		return "", "", fmt.Errorf("finding the folder of %s: %w", t.Name, err)
	}
	own, err := os.UserConfigDir()
	if err != nil {
		return "", "", fmt.Errorf("finding the folder of configurations: %w", err)
	}
	path := filepath.Join(folder, filepath.Base(t.Name))
	at, content := sha256.Sum256([]byte(path)), sha256.Sum256(t.Bytes())
	return filepath.Join(own, "docker-openhands", "trusted", hex.EncodeToString(at[:])),
		fmt.Sprintf("%x  %s\n", content, path), nil
}

// trusted reports whether the user has allowed the file with its content.
func (t *TOML) trusted() bool {
	name, line, err := t.yes()
	if err != nil {
		return false
	}
	said, err := os.ReadFile(name)
	return err == nil && string(said) == line
}

// Grant is a setting that a found file may choose with its user's yes.
type Grant struct {
	Origin Origin
	Reach  string // what it can do, in words that follow "may"
	Flags  string // the same on the command line
}

// Trust keeps the user's yes to the config.toml of the working directory, and
// returns what it is good for. A file that needs none gets none.
func Trust(all []Setting) ([]Grant, error) {
	file, err := foundToTrust()
	if err != nil {
		return nil, err
	}
	values, err := Resolve(all, Sources{TOML: file})
	if err != nil {
		return nil, err
	}
	var grants []Grant
	for _, setting := range all {
		if v := values[setting.Name]; v.Origin.Found && v.beyond() != within {
			grants = append(grants, Grant{v.Origin, v.beyond(), v.asFlags()})
		}
	}
	if grants == nil {
		return nil, nil
	}
	name, line, err := file.yes()
	if err != nil {
		return nil, err
	}
	return grants, WriteFile(name, []byte(line), 0o600)
}

// Distrust takes back the user's yes to the config.toml of the working directory.
func Distrust() error {
	file, err := foundToTrust()
	if err != nil {
		return err
	}
	name, _, err := file.yes()
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("taking back the yes to %s: %w", file.Name, err)
	}
	return nil
}

func foundToTrust() (*TOML, error) {
	file, err := ReadFound()
	if err == nil && file == nil {
		err = problem.New(problem.Usage, "there is no "+FoundTOML+" in this folder", nil, "Change to its folder first")
	}
	return file, err
}
