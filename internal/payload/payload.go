// Package payload is the contract of the sealed tree under /openhands as code.
//
// Every path, environment variable and label that more than one part of the
// project must agree on is spelled here and nowhere else. The package imports
// nothing but the standard library, so that the small static binaries that run
// inside containers can use it.
package payload

// Prefix is the one folder that the payload occupies. It is compiled into the
// sealed programs (PT_INTERP, DT_RPATH) and therefore cannot be moved.
const Prefix = "/openhands"

// The folders of the payload. See docs/architecture.md for who reads them.
const (
	Bin            = Prefix + "/bin"                     // oh-* and uv: first on PATH
	FallbackBin    = Prefix + "/fallback/bin"            // tmux, bash, git, coreutils...: last on PATH, or second, see Tools
	Lib            = Prefix + "/lib"                     // the private loader, C library and shared libraries
	Interp         = Lib + "/ld.so"                      // PT_INTERP of every sealed program
	Libexec        = Prefix + "/libexec"                 // real programs behind launchers
	Launchers      = Libexec + "/launchers"              // one JSON file a launcher, see Launcher
	CompatBin      = Libexec + "/compat/bin"             // su, sudo, useradd, id...: first on the server's own PATH only
	Wrappers       = Bin + "/oh-wrappers"                // the multi-call binary that launchers link to
	StartServer    = Libexec + "/start.py"               // what Python starts a server with in the place of -m
	Init           = Bin + "/oh-init"                    // PID 1 and user set-up
	Rescue         = Bin + "/oh-rescue"                  // tools that need no loader, for a payload that is broken
	Code           = Prefix + "/code"                    // OpenHands' sources, working directory of the server
	Poetry         = Prefix + "/poetry"                  // POETRY_VIRTUALENVS_PATH
	Venv           = Poetry + "/" + venvName             // the server's virtual environment
	Python         = Prefix + "/python"                  // the Python installation that the venv is made from
	Interpreter    = Python + "/bin/python3.13"          // the Python program outside of any virtual environment
	MicromambaRoot = Prefix + "/micromamba"              // MAMBA_ROOT_PREFIX
	Micromamba     = MicromambaRoot + "/bin/micromamba"  // the entry point that unmodified OpenHands calls
	Browsers       = Prefix + "/browser/ms-playwright"   // PLAYWRIGHT_BROWSERS_PATH
	Chromium       = FallbackBin + "/chromium-browser"   // the browser for the programs of the agent server's users; missing without the component browser
	VSCodeServer   = Prefix + "/.openvscode-server"      // OPENVSCODE_SERVER_ROOT
	Certificates   = Prefix + "/ssl/ca-certificates.crt" // Mozilla's roots, used where the base brings none
	ManifestFile   = Prefix + "/manifest.json"           // see Manifest
	SBOMFile       = Prefix + "/sbom.spdx.json"          // the same packages as an SPDX 2.3 document
	ComponentsDir  = Prefix + "/share/components"        // one JSON file a component, see Component
	AllowFile      = Prefix + "/share/allow.txt"         // exceptions from the seal that components ask for; missing where there are none
)

// venvName is the folder that Poetry itself would choose for a project
// "openhands-ai" at Code on Python 3.13 (name, hash of the path, version).
const venvName = "openhands-ai-5O4_aCHf-py3.13"

// Workspace is the working directory of a runtime image.
const Workspace = "/workspace"

// Project is where clients of the agent server have it work.
const Project = Workspace + "/project"

// User is the account that the set-up layer creates; DefaultID is its user and
// group ID unless another account of the base has it already.
const (
	User      = "openhands"
	DefaultID = 1000
)

// UserVariable names the user for whom the server opens its sessions. It is
// OpenHands' own: set for an account of another name than its default.
const UserVariable = "RUNTIME_USERNAME"

// NoSudoVariable is set, to any value, in images whose account may not become
// root. The servers then do not run as root unless root is asked for by name.
const NoSudoVariable = "OPENHANDS_NO_SUDO"
