// Proves that each agent answers the first message of the Agent Client Protocol
// (initialize), and that the program which Claude Code works in starts.
import { spawn, execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const modules = new URL("node_modules/", import.meta.url).pathname;
const agents = {
  "claude-agent-acp": ["@agentclientprotocol/claude-agent-acp/dist/index.js"],
  "codex-acp": ["@agentclientprotocol/codex-acp/dist/index.js"],
  gemini: ["@google/gemini-cli/bundle/gemini.js", "--acp"],
};
const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: 1, clientCapabilities: {} } };
const home = mkdtempSync(join(tmpdir(), "acp-"));
const env = { ...process.env, HOME: home };
try {
  console.log(execFileSync(`${modules}@anthropic-ai/claude-agent-sdk-linux-${process.arch}/claude`, ["--version"], { env, encoding: "utf8" }).trim());
  for (const [name, [script, ...args]] of Object.entries(agents)) {
    const agent = spawn(process.execPath, [modules + script, ...args], { env, stdio: ["pipe", "pipe", "inherit"], timeout: 60_000 });
    agent.stdin.write(JSON.stringify(initialize) + "\n");
    let info;
    for await (const line of createInterface({ input: agent.stdout })) {
      info = JSON.parse(line).result?.agentInfo;
      break;
    }
    agent.kill("SIGKILL");
    if (!info) throw new Error(`${name} did not answer initialize`);
    console.log(`${name}: ${info.name} ${info.version}`);
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exit();
