package command

import (
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
)

func writeComparison(w io.Writer, r migrate.Report) error {
	fmt.Fprintf(w, "%s\n\n", terminal.Line(fmt.Sprintf("base %s (%s)", r.Base, r.BaseFrom)))
	table := terminal.NewTable(w)
	table.Row("WHAT", "IS", "BEFORE", "AFTER")
	for _, row := range r.Rows {
		table.Row(row.Subject, string(row.Effect), row.Before, row.After)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, row := range r.Rows {
		if row.Effect != migrate.Same {
			fmt.Fprintln(w, terminal.Line(row.Subject+": "+row.Why))
		}
	}
	if len(r.ExtraDeps) == 0 {
		return nil
	}
	words := map[migrate.Effect]string{migrate.Same: "works", migrate.Different: "works differently", migrate.Unknown: "unknown", migrate.Fails: "fails"}
	table.Row()
	table.Row("EXTRA DEPENDENCY", "IT", "WHY")
	for _, row := range r.ExtraDeps {
		table.Row(row.Subject, words[row.Effect], row.Why)
	}
	return table.Flush()
}

func writeTrial(w io.Writer, r migrate.Report) error {
	fmt.Fprintln(w)
	if err := writeReport(w, *r.Verified); err != nil {
		return err
	}
	if r.OldHealth != nil {
		line := fmt.Sprintf("%s: %s: %s (it has no payload to verify)", r.OldHealth.Check, r.OldHealth.Status, r.OldHealth.Detail)
		fmt.Fprintln(w, terminal.Line(line))
	}
	fmt.Fprintln(w)
	table := terminal.NewTable(w)
	table.Row("", "IMAGE", "SIZE", "NOT SHARED", "START", "BUILD")
	for _, side := range []struct {
		name string
		m    *migrate.Measured
	}{{"old", r.Old}, {"new", r.New}} {
		if side.m == nil {
			table.Row(side.name, "none in this engine", "", "", "", "")
			continue
		}
		build := side.m.BuildNote
		if side.m.BuildSeconds > 0 {
			build = fmt.Sprintf("%.1f s (%s)", side.m.BuildSeconds, side.m.BuildNote)
		}
		table.Row(side.name, side.m.Image, megabytes(side.m.Bytes), megabytes(side.m.OwnBytes), seconds(side.m.StartSeconds), build)
	}
	return table.Flush()
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(max(0, bytes))/1e6) }

func seconds(s float64) string {
	if s == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", s)
}

func (m *migration) writeNext(w io.Writer, r migrate.Report) (err error) {
	w = terminal.Writer(w)
	config := ""
	if m.config != "" {
		config = " --config " + m.config
	}
	switch {
	case r.Switched != "":
		_, err = fmt.Fprintf(w, "\n%s uses %s now; it was saved as %s, and 'docker openhands migrate%s --undo' brings it back\n", r.Switched, r.New.Image, r.Backup, config)
	case m.dry:
		_, err = fmt.Fprintln(w, "\nnothing was built; leave --dry-run out to build the new image and try it")
	default:
		_, err = fmt.Fprintf(w, "\nto switch, run it again with --apply; it writes runtime_container_image into %s and keeps a backup\n", m.file())
	}
	return err
}
