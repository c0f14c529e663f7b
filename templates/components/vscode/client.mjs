// VS Code's command line client. It is told of itself by its caller: of the
// arguments the first four are its name, version, commit and program.
import { readFileSync } from 'node:fs';

const product = JSON.parse(readFileSync(new URL('../product.json', import.meta.url), 'utf8'));
process.argv.splice(2, 0, 'VS Code', product.version, product.commit, 'code');
await import('../out/server-cli.js');
