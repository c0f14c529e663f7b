package main

// code opens files in the editor that the caller's terminal belongs to. Images
// name it in EDITOR, so that it is also called where there is no editor: that
// is an error, or Git would take the untouched text for the edited one.
func (c *call) code() error {
	if c.env.get("VSCODE_IPC_HOOK_CLI") == "" {
		return status(1, "there is no editor to open files in: this is not a terminal of VS Code. "+
			"Set EDITOR (for Git GIT_EDITOR) to another editor, or give the text on the command line, as git commit -m does")
	}
	return c.launch()
}
