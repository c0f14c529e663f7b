// Prints "PROGRAM EXECUTABLE" for each browser: the path at which the Playwright
// whose package folder is the first argument will look for it.
const path = require('path');
const { registry } = require(path.join(process.argv[2], 'lib/server/registry/index.js'));

for (const browser of ['chromium', 'chromium-headless-shell'])
  console.log(`oh-${browser}`, registry.findExecutable(browser).executablePath('javascript'));
