import type { NftCommand } from "../../src/host/nft.ts";
import {
  EGRESS_TABLE,
  Egress,
  EgressError,
  type EgressPlan,
  type EgressRequest,
  planEgress,
  planGround,
} from "../../src/vm/egress/index.ts";
import { LeaseWatch, type RogueEvent } from "../../src/vm/watch/index.ts";
import { frameSender } from "./dhcp-frame.ts";

/*
 * The box's side of virtual machines' egress in a lab's namespace, as the daemon has it. Each line of standard input is
 * {"call", "argument"}; each is answered by a line {"result"} or {"error": {"thing", "message"}}, in order.
 */

const lost: string[] = [];
const egress = new Egress(({ tunnel }) => void lost.push(tunnel));
const events: (RogueEvent & { toldAfterMs: number })[] = [];
let startedMs = 0;
const watch = new LeaseWatch({
  onRogue: (event) => events.push({ ...event, toldAfterMs: performance.now() - startedMs }),
  onFailure: () => undefined,
  wallMs: Date.now,
});
watch.start();

type Argument = never;
/** A plan of which the kernel, or its tools, must refuse one step. */
const IMPOSSIBLE = {
  passage: (plan: EgressPlan): EgressPlan => ({ ...plan, passage: [...plan.passage, INTO_NO_CHAIN("inet")] }),
  guard: (plan: EgressPlan): EgressPlan => ({ ...plan, guard: [...plan.guard, INTO_NO_CHAIN("netdev")] }),
  parameters: (plan: EgressPlan): EgressPlan => ({ ...plan, parameters: [["net/ipv4/no_such_thing", "1"]] }),
  tunnelLink: (plan: EgressPlan): EgressPlan => ({
    ...plan,
    tunnelLink: [...plan.tunnelLink, "route add default via 192.0.2.1"],
  }),
  tapLink: (plan: EgressPlan): EgressPlan => ({ ...plan, tapLink: [...plan.tapLink, "addr add x dev y"] }),
  shaping: (plan: EgressPlan): EgressPlan => ({
    ...plan,
    tunnelShaping: [`qdisc replace dev ${plan.names.tunnel} root no_such_queue`],
  }),
};

const INTO_NO_CHAIN = (family: string): NftCommand => ({
  add: { rule: { family, table: EGRESS_TABLE, chain: "no_such_chain", expr: [{ drop: null }] } },
});

interface Broken {
  request: EgressRequest;
  at: keyof typeof IMPOSSIBLE;
}

const calls: Record<string, (argument: Argument) => unknown> = {
  up: (request: EgressRequest) => egress.up(planEgress(request)),
  prepare: (request: EgressRequest) => egress.prepare(planGround(planEgress(request).names)),
  attach: async (request: EgressRequest) => {
    const plan = planEgress(request);
    await egress.attach(plan);
    watch.add({ lease: request.lease, namespace: plan.names.namespace });
  },
  verify: (request: EgressRequest) => egress.verify(planEgress(request)),
  /** With a step that cannot be. */
  upBroken: ({ request, at }: Broken) => egress.up(IMPOSSIBLE[at](planEgress(request))),
  attachBroken: ({ request, at }: Broken) => egress.attach(IMPOSSIBLE[at](planEgress(request))),
  down: (request: EgressRequest) => egress.down(planEgress(request).names),
  cut: (request: EgressRequest) => egress.cut(planEgress(request).names),
  move: ({ request, endpoint }: { request: EgressRequest; endpoint: { address: string; port: number } }) =>
    egress.move(planEgress(request).names, endpoint),
  status: (request: EgressRequest) => egress.tunnelStatus(planEgress(request).names),
  /** What must not happen: frames by an interface of the box's own. */
  leak: ({ device, frames }: { device: string; frames: string[] }) => {
    const send = frameSender(device);
    return frames.filter((frame) => send(Buffer.from(frame, "hex"))).length;
  },
  sweep: (live: string[]) => egress.sweep(live),
  traffic: async (lease: string) => {
    await watch.look();
    return watch.traffic(lease);
  },
  /** Forgets the events so far; what comes is timed from now. */
  listen: () => {
    events.length = 0;
    startedMs = performance.now();
  },
  events: () => events,
  /** Tunnels that went away by nobody's order. */
  lost: () => lost,
  /** Milliseconds of one look at all machines. */
  look: async () => {
    const beganMs = performance.now();
    await watch.look();
    return performance.now() - beganMs;
  },
};

console.log(JSON.stringify({ result: "ready" }));
for await (const line of console) {
  const { call, argument } = JSON.parse(line) as { call: string; argument: Argument };
  try {
    const result = await calls[call]?.(argument);
    console.log(JSON.stringify({ result: result ?? null }));
  } catch (error) {
    const thing = error instanceof EgressError ? error.thing : "";
    console.log(JSON.stringify({ error: { thing, message: String(error) } }));
  }
}
process.exit(0);
