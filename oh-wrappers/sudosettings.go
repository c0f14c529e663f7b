package main

import (
	"slices"
	"strings"
)

// harmless are settings that neither forbid anything nor change what a command
// may do: they concern passwords, which nobody is asked for, words, logs, and the
// environment, which this sudo makes in its own way.
var harmless = []string{
	"always_set_home", "authenticate", "authfail_message", "badpass_message", "compress_io", "editor", "env_check", "env_delete",
	"env_editor", "env_keep", "env_reset", "exempt_group", "fqdn", "ignore_dot", "insults", "lecture", "lecture_file",
	"lecture_status_dir", "listpw", "log_host", "log_year", "logfile", "loglinelen", "mail_all_cmnds", "mail_always", "mail_badpass",
	"mail_no_host", "mail_no_perms", "mail_no_user", "mailerflags", "mailerpath", "mailfrom", "mailsub", "mailto",
	"match_group_by_gid", "passprompt", "passprompt_override", "passwd_timeout", "passwd_tries", "path_info", "pwfeedback",
	"root_sudo", "rootpw", "runaspw", "secure_path", "set_home", "set_logname", "set_utmp", "setenv", "shell_noargs", "syslog",
	"syslog_badpri", "syslog_goodpri", "syslog_maxlen", "targetpw", "timestamp_timeout", "timestamp_type", "timestampdir",
	"timestampowner", "tty_tickets", "use_pty", "verifypw", "visiblepw",
}

// set applies settings. Any that may concern the user restricts; what undoes it
// must concern the user for certain.
func (p *sudoPolicy) set(line string) {
	match := p.syntax.defaults.FindStringSubmatch(p.syntax.comma.ReplaceAllString(line, ","))
	if match == nil {
		p.restricted["!"+line] = true
		return
	}
	kind, scope := match[1], strings.Split(match[2], ",")
	certain := kind == "" || kind == ":" && len(scope) == 1 && slices.Contains(p.names, scope[0])
	if kind == ":" && !slices.ContainsFunc(scope, func(name string) bool {
		return slices.Contains(p.names, name) || !p.syntax.plain.MatchString(name)
	}) {
		return
	}
	for entry := range splitSettings(match[3]) {
		parts := p.syntax.setting.FindStringSubmatch(strings.TrimSpace(entry))
		if parts == nil {
			p.restricted["!"+entry] = true
			continue
		}
		name, undone := parts[2], len(parts[1])%2 == 1 || parts[2] == "runas_default" && parts[3] == "root"
		switch {
		case slices.Contains(harmless, name):
		case !undone && kind == "!":
			p.restricted["!"+name] = true
		case !undone:
			p.restricted[name] = true
		case certain:
			delete(p.restricted, name)
		}
	}
}

// splitSettings yields what commas separate, up to a comment. Both count only
// outside of quotes.
func splitSettings(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		quoted, start := false, 0
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '#':
				yield(text[start:i])
				return
			case c == ',':
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		if quoted {
			yield(`"`)
			return
		}
		yield(text[start:])
	}
}
