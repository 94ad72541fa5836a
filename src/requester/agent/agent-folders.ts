import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Where a requester's agent has its things: one agent for each state. */
export interface AgentFolders {
  /** What survives a restart of the machine: keys and leases. */
  state: string;
  /** Its socket and what belongs to running processes, gone after a restart. */
  run: string;
}

export interface FolderSurroundings {
  env: Readonly<Record<string, string | undefined>>;
  uid: number;
  home: string;
}

const here = (): FolderSurroundings => ({
  env: process.env,
  uid: process.getuid?.() ?? 0,
  home: homedir(),
});

/**
 * As the XDG Base Directory Specification has it; root's run folder is below /run, and who has none of their own gets one in
 * /tmp. Another state has another run folder.
 * @param asked what the command line says
 */
export function agentFolders(
  asked: { state?: string; run?: string },
  { env, uid, home }: FolderSurroundings = here(),
): AgentFolders {
  const usual = join(absolute(env.XDG_STATE_HOME) ?? join(home, ".local/state"), "omerta-box-requester");
  const state = resolve(asked.state ?? usual);
  if (asked.run !== undefined) return { state, run: resolve(asked.run) };
  const tag = state === usual ? "" : `-${Bun.hash.wyhash(state).toString(36)}`;
  const name = `omerta-box-requester${tag}`;
  const own = absolute(env.XDG_RUNTIME_DIR);
  if (uid === 0) return { state, run: `/run/${name}` };
  return { state, run: own === undefined ? join(tmpdir(), `${name}-${uid}`) : join(own, name) };
}

/** Relative ones are to be passed over, says the specification. */
const absolute = (path: string | undefined): string | undefined => (path?.startsWith("/") ? path : undefined);

export const stateFile = ({ state }: AgentFolders): string => join(state, "requester.json");
export const agentSocket = ({ run }: AgentFolders): string => join(run, "agent.sock");
/** Held by the agent that runs: there is one at a time. */
export const agentLock = ({ run }: AgentFolders): string => join(run, "agent.lock");
export const agentLog = ({ state }: AgentFolders): string => join(state, "agent.log");
