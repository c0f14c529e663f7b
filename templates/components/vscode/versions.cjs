// Fails where the package.json of this folder names another version of a module
// than the package code-server, unpacked in the folder of the first argument.
const { join } = require('node:path');

const [folder] = process.argv.slice(2);
const { dependencies, versionsFrom } = require('./package.json');
const theirs = versionsFrom.map((file) => require(join(folder, file.slice(file.indexOf('/')))).packages);
for (const [name, ours] of Object.entries(dependencies)) {
  const wanted = theirs.map((packages) => packages['node_modules/' + name]).find(Boolean)?.version;
  if (wanted !== ours) {
    console.error(`package.json names ${name} ${ours}, but code-server wants ${wanted ?? 'none'}: 'docker openhands deps lock' follows it`);
    process.exitCode = 1;
  }
}
