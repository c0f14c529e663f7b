// Prints "PROGRAM EXECUTABLE" for each browser: the path at which the Playwright
// whose package folder is the first argument will look for it. Marks the folder
// of each as completely installed, as `playwright install` does.
const fs = require('fs');
const path = require('path');
const { registry } = require(path.join(process.argv[2], 'lib/server/registry/index.js'));

const programs = {
  'chromium': 'oh-chromium',
  'chromium-headless-shell': 'oh-chromium-headless-shell',
};
for (const [browser, program] of Object.entries(programs)) {
  const found = registry.findExecutable(browser);
  fs.mkdirSync(found.directory, { recursive: true });
  fs.writeFileSync(path.join(found.directory, 'INSTALLATION_COMPLETE'), '');
  fs.writeFileSync(path.join(found.directory, 'DEPENDENCIES_VALIDATED'), '');
  console.log(program, found.executablePath('javascript'));
}
