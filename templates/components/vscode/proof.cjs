// Loads what is compiled, and asks the programs for their versions.
const { execFileSync } = require('node:child_process');

for (const name of ['@parcel/watcher', '@vscode/native-watchdog', '@vscode/spdlog', 'node-pty']) {
  require(name);
}
import('@vscode/ripgrep-universal').then(({ rgPath }) => {
  for (const program of [rgPath, '/openhands/.openvscode-server/bin/openvscode-server']) {
    execFileSync(program, ['--version'], { stdio: 'inherit' });
  }
});
