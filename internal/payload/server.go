package payload

// Server is a server profile: what differs between the images of OpenHands'
// servers.
type Server struct {
	Name       string // the launcher in Bin is called oh-NAME
	Health     string // path that is answered with 200 once the server is alive
	WorkingDir string // of a runtime image
	UID        int    // preferred ID of the account that a runtime image is made for
	Key        string // variable with the key that callers have to send, in KeyHeader; without a key the server answers everybody
	Editor     string // path that answers with the address of the VS Code it has started; empty: it starts none by itself

	Project string // folder that its clients work in, made beside the workspace; empty: none

	// Entrances are programs of the server's own image that clients start in
	// the place of the entry point: AgentServerEntrance, PythonEntrance.
	Entrances []string

	// OwnArguments says that a container's command are the server's own
	// options, so that the launcher belongs to the entry point, and that the
	// server runs as the account from the start. Otherwise the launcher is
	// the default command and changes to the account itself.
	OwnArguments bool
}

// KeyHeader is the header of HTTP in which callers of a server send its key.
const KeyHeader = "X-Session-API-Key"

// Launcher is the program that starts the server.
func (s Server) Launcher() string { return Bin + "/oh-" + s.Name }

// Names of the servers.
const (
	ActionExecutionServer = "action-execution-server"
	AgentServer           = "agent-server"
)

// Where the agent server's own image has the server as one program, and as a
// module of a Python. Both are links to Init in ours.
const (
	AgentServerEntrance = "/usr/local/bin/openhands-agent-server"
	PythonEntrance      = "/agent-server/.venv/bin/python"
)

// AgentServerModule is what Python is asked for to start the agent server.
const AgentServerModule = "openhands.agent_server"

// Servers returns the known profiles, the default one first.
func Servers() []Server {
	return []Server{
		{Name: ActionExecutionServer, Health: "/alive", WorkingDir: Workspace, UID: DefaultID, Key: "SESSION_API_KEY"},
		// As in the image of its own: paths are relative to the root folder.
		{
			Name: AgentServer, Health: "/health", WorkingDir: "/", UID: 10001, Key: "OH_SESSION_API_KEYS_0", Editor: "/api/vscode/url",
			Project: Project, Entrances: []string{AgentServerEntrance, PythonEntrance}, OwnArguments: true,
		},
	}
}

// ServerNamed returns a profile. Of an unknown one nothing but the name
// differs from the default.
func ServerNamed(name string) Server {
	for _, s := range Servers() {
		if s.Name == name {
			return s
		}
	}
	s := Servers()[0]
	s.Name = name
	return s
}
