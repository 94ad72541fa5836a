import { AgentClient } from "./agent-client.ts";

/*
 * What ssh(1) gets its connection from where this machine does not reach virtual machines by itself:
 * bun ssh-proxy.ts STATE-FOLDER RUN-FOLDER LEASE
 * The agent is asked each time: the way is another one after it was started anew.
 */

const [state = "", run = "", lease = ""] = process.argv.slice(2);
try {
  const { address, command } = await new AgentClient({ state, run }).proxy(lease, 22);
  if (command === undefined) throw new Error(`${address} is reached without a command now`);
  const child = Bun.spawn([...command], { stdin: "inherit", stdout: "inherit", stderr: "inherit" });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.exitCode = await child.exited;
} catch (error) {
  process.stderr.write(`omerta-box: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
