package hostile

import "slices"

// honestRoot is a root file system as distributions make it, cut down to what
// set-up looks at.
type honestRoot struct {
	name   string
	layers func() []Layer
}

var honest = []honestRoot{
	{"scratch", func() []Layer { return nil }},
	{"alpine", func() []Layer { return one(alpine()...) }},
	{"debian", func() []Layer { return one(debian()...) }},
	{"debian-sudo", func() []Layer { return one(slices.Concat(debian(), sudo())...) }},
	{"fedora", func() []Layer { return one(fedora()...) }},
	{"nix", func() []Layer { return one(nix()...) }},
}

func one(entries ...Entry) []Layer { return []Layer{{Entries: entries, Compression: Gzip}} }

const program = "\x7fELF\x02\x01\x01\x00 not a whole program"

func alpine() []Entry {
	return []Entry{
		dir("bin", 0o755), file("bin/busybox", program).with(0o755), link("bin/sh", "/bin/busybox"),
		dir("etc", 0o755),
		file("etc/group", "root:x:0:root\nbin:x:1:root,bin\nwheel:x:10:root\nusers:x:100:games\nnogroup:x:65533:\nnobody:x:65534:\n"),
		file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\nguest:x:405:100:guest:/dev/null:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"),
		file("etc/profile", "# /etc/profile\nappend_path () { :; }\nfor script in /etc/profile.d/*.sh ; do\n\t. \"$script\"\ndone\nunset script\n"),
		dir("etc/profile.d", 0o755), file("etc/profile.d/color_prompt.sh.disabled", "PS1=x\n"),
		file("etc/shadow", "root:*::0:::::\nbin:!::0:::::\nnobody:!::0:::::\n").with(0o640).by(0, 42),
		dir("etc/ssl", 0o755), dir("etc/ssl/certs", 0o755), file("etc/ssl/certs/ca-certificates.crt", "roots\n"),
		link("etc/ssl/cert.pem", "certs/ca-certificates.crt"),
		dir("home", 0o755), dir("root", 0o700), dir("run", 0o755), dir("tmp", 0o1777),
		dir("usr", 0o755), dir("usr/bin", 0o755), link("usr/bin/env", "/bin/busybox"),
		dir("var", 0o755), link("var/run", "../run"), dir("var/tmp", 0o1777),
	}
}

func debian() []Entry {
	return []Entry{
		link("bin", "usr/bin"), link("sbin", "usr/sbin"),
		dir("etc", 0o755),
		file("etc/bash.bashrc", "[ -z \"$PS1\" ] && return\n"),
		file("etc/group", "root:x:0:\ndaemon:x:1:\nsudo:x:27:\nshadow:x:42:\nusers:x:100:\nnogroup:x:65534:\n"),
		file("etc/gshadow", "root:*::\nsudo:*::\nusers:*::\n").with(0o640).by(0, 42),
		file("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n"),
		file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
		file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
		file("etc/profile", "PATH=\"/usr/local/bin:/usr/bin:/bin\"\nexport PATH\nif [ -d /etc/profile.d ]; then\n  for i in /etc/profile.d/*.sh; do . $i; done\nfi\n"),
		dir("etc/profile.d", 0o755),
		file("etc/shadow", "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n").with(0o640).by(0, 42),
		dir("etc/skel", 0o755),
		file("etc/skel/.bash_logout", "clear\n"), file("etc/skel/.bashrc", "case $- in *i*) ;; *) return ;; esac\n"),
		file("etc/skel/.profile", "if [ -n \"$BASH_VERSION\" ]; then . \"$HOME/.bashrc\"; fi\n"),
		dir("home", 0o755), dir("root", 0o700), file("root/.bashrc", "# root\n"), file("root/.profile", "mesg n\n"),
		dir("run", 0o755), dir("tmp", 0o1777),
		dir("usr", 0o755), dir("usr/bin", 0o755), file("usr/bin/bash", program).with(0o755), file("usr/bin/dash", program).with(0o755),
		link("usr/bin/sh", "dash"), file("usr/bin/env", program).with(0o755), dir("usr/sbin", 0o755),
		dir("var", 0o755), link("var/run", "/run"), dir("var/tmp", 0o1777),
	}
}

func sudo() []Entry {
	return []Entry{
		file("usr/bin/sudo", program).with(0o4755),
		file("etc/sudoers", "Defaults\tenv_reset\nroot\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n").with(0o440),
		dir("etc/sudoers.d", 0o750), file("etc/sudoers.d/README", "# sudoers.d\n").with(0o440),
	}
}

func fedora() []Entry {
	return []Entry{
		link("bin", "usr/bin"), link("sbin", "usr/bin"),
		dir("etc", 0o755), dir("etc/pki", 0o755),
		dir("etc/pki/ca-trust", 0o755), dir("etc/pki/ca-trust/extracted", 0o755), dir("etc/pki/ca-trust/extracted/pem", 0o755),
		file("etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "roots\n").with(0o444),
		dir("etc/pki/tls", 0o755), dir("etc/pki/tls/certs", 0o755),
		link("etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
		dir("etc/ssl", 0o755), link("etc/ssl/certs", "../pki/tls/certs"),
		file("etc/group", "root:x:0:\nwheel:x:10:\nnobody:x:65534:\n"), file("etc/gshadow", "root:::\nwheel:::\n").with(0),
		file("etc/passwd", "root:x:0:0:Super User:/root:/bin/bash\nnobody:x:65534:65534:Kernel Overflow User:/:/usr/sbin/nologin\n"),
		file("etc/profile", "for i in /etc/profile.d/*.sh /etc/profile.d/sh.local ; do . \"$i\" >/dev/null ; done\n"),
		dir("etc/profile.d", 0o755), file("etc/profile.d/lang.sh", "LANG=C.UTF-8\n"),
		file("etc/shadow", "root:!locked::0:99999:7:::\nnobody:*::0:99999:7:::\n").with(0),
		dir("etc/skel", 0o755), file("etc/skel/.bash_profile", "[ -f ~/.bashrc ] && . ~/.bashrc\n"), file("etc/skel/.bashrc", "# .bashrc\n"),
		dir("home", 0o755), dir("root", 0o550), file("root/.bash_profile", "[ -f ~/.bashrc ] && . ~/.bashrc\n"), file("root/.bashrc", "alias rm='rm -i'\n"),
		dir("run", 0o755), dir("tmp", 0o1777),
		dir("usr", 0o755), dir("usr/bin", 0o555), file("usr/bin/bash", program).with(0o755), link("usr/bin/sh", "bash"), file("usr/bin/env", program).with(0o755),
		dir("var", 0o755), link("var/run", "../run"), dir("var/tmp", 0o1777),
	}
}

// nix has programs and accounts behind links into a store that nobody writes to.
func nix() []Entry {
	const env, nss = "nix/store/aaaa-env", "nix/store/bbbb-nss"
	return []Entry{
		dir("nix", 0o755), dir("nix/store", 0o555), dir(env, 0o555), dir(env+"/bin", 0o555), dir(nss, 0o555),
		file(env+"/bin/bash", program).with(0o555), link(env+"/bin/sh", "bash"), file(env+"/bin/env", program).with(0o555),
		link("bin", "/"+env+"/bin"),
		dir("etc", 0o755), link("etc/passwd", "/"+nss+"/passwd"), link("etc/group", "/"+nss+"/group"),
		file(nss+"/passwd", "root:x:0:0:root user:/var/empty:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/sh\n").with(0o444),
		file(nss+"/group", "root:x:0:\nnobody:x:65534:\n").with(0o444),
		dir("tmp", 0o1777),
	}
}
