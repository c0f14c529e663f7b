// Fails where the package.json of this folder names another version of a module
// than the package code-server, unpacked in the folder of the first argument.
const { join } = require('node:path');

const [vscode] = process.argv.slice(2);
const theirs = ['', 'extensions'].map((folder) => require(join(vscode, folder, 'npm-shrinkwrap.json')).packages);
const { dependencies } = require('./package.json');
for (const [name, ours] of Object.entries(dependencies)) {
  const wanted = theirs.map((packages) => packages['node_modules/' + name]).find(Boolean)?.version;
  if (wanted !== ours) {
    console.error(`package.json names ${name} ${ours}, but code-server wants ${wanted ?? 'none'}`);
    process.exitCode = 1;
  }
}
