import { Command } from "commander";
import { uptimeText } from "../../portal/console/status-page.tsx";
import {
  type AgentClient,
  AgentClientError,
  type AgentLine,
  type AgentWish,
} from "../requester/agent/index.ts";
import { LeaseRequestError, parseLeaseRequest } from "../vm/request/index.ts";
import { untilSignal } from "./signals.ts";
import {
  type AgentChoice,
  agentOf,
  mebibytes,
  optionProblem,
  ownKey,
  seconds,
  wholeNumber,
  withAgentOptions,
} from "./vm-options.ts";
import { endText, readyText, stepLine } from "./vm-text.ts";

interface RequestOptions extends AgentChoice {
  provider?: string;
  cpus: number;
  memory: number;
  disk: number;
  for: number;
  why: string;
  image: string;
  sshKey?: string;
  heardAt?: string;
  acceptInspection?: boolean;
  detach?: boolean;
}

export function vmRequestCommand(): Command {
  return withAgentOptions(
    new Command("request")
      .description("borrow a new virtual machine, all of whose traffic goes through this machine")
      .requiredOption("--why <words>", "what it is for, which whoever lends it reads and keeps")
      .option("--provider <box>", "the box that is to lend it, by its address or name")
      .option("--cpus <count>", "processors", wholeNumber, 1)
      .option("--memory <size>", "memory in MiB, or such as 2g", mebibytes, 256)
      .option("--disk <size>", "disk in MiB, or such as 4g, for images that have one", mebibytes, 0)
      .option("--for <time>", "how long, such as 90s, 10m, 2h or 1d", seconds, 600)
      .option("--image <name>", "what it starts from", "small")
      .option(
        "--ssh-key <file>",
        "a key of your own to log in with; otherwise one is made for this machine alone",
      )
      .option("--heard-at <address>", "where the box reaches this machine, for a box that we cannot reach")
      .option("--accept-inspection", "agree to the operator of the box looking inside")
      .option("--detach", "come back when it can be used, instead of giving it back with Ctrl-C")
      .option("--json", "each step as a line of JSON"),
  ).action(request);
}

const request = (options: RequestOptions): Promise<void> => askFor(wishOf(options), options);

/** Asks for a machine, and shows what becomes of it. The process ends with it. */
export async function askFor(wish: AgentWish, options: AgentChoice): Promise<void> {
  checkWish(wish);
  const agent = agentOf(options);
  const signal = untilSignal();
  try {
    await follow(agent, wish, options, signal);
  } catch (error) {
    if (error instanceof AgentClientError && error.field !== undefined)
      throw new Error(optionProblem(error.field, error.message));
    throw error;
  }
  // The handlers of signals would keep the process.
  process.exit(process.exitCode);
}

function wishOf(options: RequestOptions): AgentWish {
  return {
    resources: { cpus: options.cpus, memoryMiB: options.memory, diskMiB: options.disk },
    durationS: options.for,
    image: options.image,
    activity: options.why,
    acceptsInspection: options.acceptInspection === true,
    isHeld: options.detach !== true,
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    ...(options.heardAt === undefined ? {} : { heardAt: options.heardAt }),
    ...(options.sshKey === undefined ? {} : { key: ownKey(options.sshKey) }),
  };
}

/** Anything that a request may have where this command has nothing yet. */
const ANY = {
  id: "0".repeat(32),
  requester: "0".repeat(64),
  sshKey: `ssh-ed25519 ${Buffer.from(`\0\0\0\x0bssh-ed25519\0\0\0\x20${"\x01".repeat(32)}`, "latin1").toString("base64")}`,
  wireGuardKey: Buffer.alloc(32, 1).toString("base64"),
} as const;

/** Before anything is started for it. @throws Error naming the option */
export function checkWish({
  resources,
  durationS,
  image,
  activity,
  acceptsInspection,
  key,
  heardAt,
}: AgentWish): void {
  const endpoint = heardAt === undefined ? {} : { endpoint: { address: heardAt, port: 1 } };
  try {
    parseLeaseRequest({
      ...{ id: ANY.id, requester: ANY.requester, createdAt: 0 },
      ...{ resources, durationS, image, activity, acceptsInspection },
      sshKey: key?.line ?? ANY.sshKey,
      tunnel: { publicKey: ANY.wireGuardKey, address: "10.0.0.2", ...endpoint },
    });
  } catch (error) {
    if (error instanceof LeaseRequestError) throw new Error(optionProblem(error.field, error.why));
    throw error;
  }
}

/** Shows the lease's steps until it is over, or until it can be used and nobody is to wait. */
async function follow(
  agent: AgentClient,
  wish: AgentWish,
  { json }: AgentChoice,
  signal: Promise<NodeJS.Signals>,
): Promise<void> {
  const { isHeld } = wish;
  let last: AgentLine | undefined;
  let isGivenBack = false;
  void signal.then(() => {
    isGivenBack = true;
    if (last === undefined) process.exit(130);
    // It may be over just now.
    agent
      .release(last.lease.id)
      .catch((error: Error) => process.stderr.write(`omerta-box: ${error.message}\n`));
  });
  const say = (text: string) => {
    if (!json) process.stdout.write(text);
  };
  say(askingText(wish));
  for (let lines = await agent.request(wish); ; lines = await agent.follow(last?.lease.id ?? "", isHeld)) {
    const known = last;
    for await (const line of lines) {
      last = line;
      // What another agent tells of the same lease begins with what this one goes on from.
      const { step, lease } = line;
      process.stdout.write(json ? `${JSON.stringify(line)}\n` : stepLine(step));
      // By Ctrl-C here, by vm release elsewhere, or by who turned it off from within.
      if (lease.phase === "ended" && lease.outcome === "released") return;
      if (lease.phase === "ended" || (lease.phase === "releasing" && lease.outcome === "given up"))
        throw new Error(endText(lease));
      if (step.name !== "ssh" || isGivenBack) continue;
      if (known === undefined) say(readyText(lease, isHeld, Date.now()));
      if (!isHeld) return;
    }
    if (last === undefined)
      throw new Error("the agent ended while it was asked; vm list shows what is there");
    process.stderr.write("omerta-box: the agent has ended; the next one takes the lease up again\n");
  }
}

function askingText({ resources, durationS, provider = "a box" }: AgentWish): string {
  const { cpus, memoryMiB, diskMiB } = resources;
  const disk = diskMiB === 0 ? "" : `, ${diskMiB} MiB of disk`;
  const size = `${cpus === 1 ? "1 processor" : `${cpus} processors`}, ${memoryMiB} MiB${disk}`;
  return `Asking ${provider} for a virtual machine: ${size}, for ${uptimeText(durationS)}\n`;
}
