package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// logsFolder has the logs of what took long.
const logsFolder = "logs"

// What is kept: so many logs, of each so many bytes of its beginning and of its
// end.
const (
	maxLogs = 10
	logHead = 8 << 20
	logTail = 1 << 20
)

// Log is a file in the user's cache folder that only the user may read. Of a text
// that is too long for it, the middle is left out.
type Log struct {
	file *os.File
	left int    // bytes of the head
	tail []byte // at most 2 * logTail
	lost int64  // bytes
}

// NewLog makes a log and removes those that are too many, the oldest first. Logs
// of one second are told apart by what is random in their names.
func NewLog() (*Log, error) {
	dir, err := Folder(logsFolder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder for logs: %w", err)
	}
	old, err := fs.Glob(os.DirFS(dir), "*.log") // in the order of their names, which is that of time
	if err != nil {
		return nil, err
	}
	for _, name := range old[:max(0, len(old)-maxLogs+1)] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("removing an old log: %w", err)
		}
	}
	file, err := os.CreateTemp(dir, time.Now().UTC().Format("20060102T150405Z")+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("making a log: %w", err)
	}
	return &Log{file: file, left: logHead}, nil
}

// Name is the path of the file.
func (l *Log) Name() string { return l.file.Name() }

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	head := p[:min(len(p), l.left)]
	n, err := l.file.Write(head)
	l.left -= n
	if err != nil {
		return n, err
	}
	l.tail = append(l.tail, p[len(head):]...)
	if over := len(l.tail) - logTail; over > logTail {
		l.lost += int64(over)
		l.tail = slices.Delete(l.tail, 0, over)
	}
	return len(p), nil
}

// Close writes the end.
func (l *Log) Close() error {
	var err error
	if l.lost > 0 {
		_, err = fmt.Fprintf(l.file, "\n[%d bytes are left out]\n", l.lost)
	}
	if err == nil {
		_, err = l.file.Write(l.tail)
	}
	return errors.Join(err, l.file.Close())
}
