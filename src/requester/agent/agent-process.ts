import { randomBytes } from "node:crypto";
import { statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../host/clock.ts";
import { createLog } from "../../host/log.ts";
import { bunCommand } from "../../host/own-program.ts";
import { systemTimers } from "../../host/timers.ts";
import { MESH_SOCKET } from "../../mesh/index.ts";
import { HostGround } from "../host-ground.ts";
import { memberWays } from "../provider-member-ways.ts";
import { RequesterNetworks } from "../requester-networks.ts";
import { UserGround } from "../user-ground.ts";
import { RequesterAgent } from "./agent.ts";

/*
 * Started by AgentClient, which holds a lock for it: bun agent-process.ts STATE-FOLDER RUN-FOLDER
 * Root serves the VPN in the machine's own network, everybody else in one of their own. Ends by SIGTERM, giving back what is
 * borrowed, and by itself when there is nothing to do.
 */

/** The log is this process's standard output, in a file that is not to grow for ever. */
const MAX_LOG_BYTES = 1_048_576;

const [state = "", run = ""] = process.argv.slice(2);
const folders = { state, run };
const log = createLog({ level: "info" });
const ending = Promise.withResolvers<void>();

// A terminal's Ctrl-C is for the command that was given there, and its end nobody's.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
process.on("SIGTERM", () => ending.resolve());
// A machine that somebody works in is not to end by an error that nobody caught.
for (const kind of ["uncaughtException", "unhandledRejection"] as const)
  process.on(kind, (error) => log.error({ error }, "an error that nobody caught"));

/** The box of this machine, where there is one and this user may ask it. */
const boxRun = process.env.OMERTA_BOX_RUN ?? "/run/omerta-box";
/** Read anew each time: a command may have joined or left one meanwhile. */
const networks = () => RequesterNetworks.open(state, systemClock, (message) => log.warn(message));

const agent = new RequesterAgent({
  folders,
  ground: process.getuid?.() === 0 ? new HostGround(run, log) : new UserGround(run, log),
  ways: memberWays({ networks, meshSocket: join(boxRun, MESH_SOCKET), randomBytes, log }),
  keyIn: (network) => networks().keyIn(network),
  proxyCommand: (lease) => [...bunCommand(join(import.meta.dir, "ssh-proxy.ts")), state, run, lease],
  ...{ log, clock: systemClock, timers: systemTimers },
  onIdle: () => ending.resolve(),
});

const logFile = join(state, "agent.log");
if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) truncateSync(logFile);
log.info(`the agent of ${state} begins, process ${process.pid}`);
await agent.start().catch((error: unknown) => {
  log.error({ error }, "the agent cannot start");
  process.exit(1);
});
await ending.promise;
await agent.stop();
log.info("the agent has ended");
process.exit(0);
