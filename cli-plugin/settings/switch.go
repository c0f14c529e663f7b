package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// backupSuffix is after the name of a config.toml in that of its backup.
const backupSuffix = ".before-migrate"

// backupOf is the name of a file's backup. A link has not been made by this
// program, and would lead what is written elsewhere.
func backupOf(file string) (string, error) {
	backup := file + backupSuffix
	if info, err := os.Lstat(backup); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return "", problem.New(problem.NotMigrated, backup+" is a link and no backup", nil, "Remove it")
	}
	return backup, nil
}

// WriteImage makes a config.toml use an image that is built already, and tells it
// whether there is a browser. A file that is not there is made.
func WriteImage(file, image string, browser bool) error {
	_, after, err := withImage(file, image, browser)
	if err != nil {
		return err
	}
	return WriteFile(file, after, 0o644)
}

// withImage returns what a config.toml is, nil where there is none, and what
// WriteImage makes of it.
func withImage(file, image string, browser bool) (text, after []byte, err error) {
	if text, err = ReadFile(file); err != nil {
		return nil, nil, err
	}
	before, err := ParseTOML(file, text)
	if err != nil {
		return nil, nil, err
	}
	changed, err := before.useImage(image, browser)
	if err != nil {
		return nil, nil, err
	}
	return text, changed.Bytes(), nil
}

// SwitchTo does what WriteImage does, and keeps what the file was in a backup.
func SwitchTo(file, image string, browser bool) (backup string, err error) {
	text, after, err := withImage(file, image, browser)
	if err != nil {
		return "", err
	}
	if backup, err = backupOf(file); err != nil {
		return "", err
	}
	kept, err := ReadFile(backup)
	if err != nil {
		return "", err
	}
	switch {
	case kept != nil && bytes.Equal(after, text):
		return backup, nil // done already
	case kept != nil && !bytes.Equal(kept, text):
		return "", problem.New(problem.NotMigrated, fmt.Sprintf("%s was switched before: its backup %s is still there", file, backup), nil,
			"Go back first with 'docker openhands migrate --undo', or remove the backup")
	}
	if err := WriteFile(backup, text, 0o600); err != nil {
		return "", err
	}
	if err := WriteFile(file, after, 0o644); err != nil {
		return "", errors.Join(err, os.Remove(backup))
	}
	return backup, nil
}

// SwitchBack makes a config.toml what it was before SwitchTo. A file that was
// edited since is left alone.
func SwitchBack(file string) error {
	backup, err := backupOf(file)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(backup)
	if errors.Is(err, fs.ErrNotExist) {
		return problem.New(problem.NotMigrated, fmt.Sprintf("there is no switch to take back: %s does not exist", backup), nil,
			"Name the file that was switched with --config")
	}
	if err != nil {
		return fmt.Errorf("reading the backup: %w", err)
	}
	ours, err := isSwitched(file, text)
	if err != nil {
		return err
	}
	if !ours {
		return problem.New(problem.NotMigrated, fmt.Sprintf("%s was edited after the switch", file), nil,
			fmt.Sprintf("Compare it with %s, and copy over what you want back", backup))
	}
	if len(text) == 0 { // there was none
		err = os.Remove(file)
	} else {
		err = WriteFile(file, text, 0o644)
	}
	if err != nil {
		return err // the backup is all there is of the former file
	}
	return os.Remove(backup)
}

// isSwitched reports whether a file is what SwitchTo made of the text before.
func isSwitched(file string, before []byte) (bool, error) {
	text, err := ReadFile(file)
	if err != nil {
		return false, err
	}
	now, err := ParseTOML(file, text)
	if err != nil {
		return false, err
	}
	image := Setting{Name: "image", Kind: Text}
	values, err := Resolve([]Setting{image}, Sources{TOML: now})
	if err != nil {
		return false, err
	}
	old, err := ParseTOML(file, before)
	if err != nil {
		return false, err
	}
	for _, browser := range []bool{true, false} {
		if made, err := old.useImage(values[image.Name].String(), browser); err == nil && bytes.Equal(made.Bytes(), text) {
			return true, nil
		}
	}
	return false, nil
}
