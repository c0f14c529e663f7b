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
  // Playwright would run ldd on the browser of a base unless this marker is
  // less than 30 days old: one of the year 2100 is never older.
  const validated = path.join(found.directory, 'DEPENDENCIES_VALIDATED');
  fs.writeFileSync(validated, '');
  fs.utimesSync(validated, 4102444800, 4102444800);
  console.log(program, found.executablePath('javascript'));
}
