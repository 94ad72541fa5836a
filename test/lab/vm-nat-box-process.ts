// One box's mesh and its lending as a process of its own: real egress, the mesh's tunnels, and in a machine's place a stand-in.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../src/config/index.ts";
import { run } from "../../src/host/run.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { LEASE_PORT } from "../../src/requester/index.ts";
import { policyOf } from "../../src/vm/admission/index.ts";
import { Egress, type EgressPlan } from "../../src/vm/egress/index.ts";
import { GUEST_LINK } from "../../src/vm/guest-link.ts";
import type { Lender } from "../../src/vm/lending/index.ts";
import { LeaseDesk, LeaseMesh, LeasePaths, LeaseServer } from "../../src/vm/wire/index.ts";
import { lending, PlayedGround } from "../unit/vm/lending/played-ground.ts";
import { openMesh } from "./mesh-here.ts";

/** In `lending.json` in the box's folder. */
export interface NatLendingOrder {
  address: string;
  /** A file that is the network namespace of what is behind a machine's link. */
  guest: string;
}

const { folder, log, memberships, mesh } = openMesh(process.argv.slice(2));
mkdirSync(`${folder}/lending`, { recursive: true });
const order = JSON.parse(readFileSync(`${folder}/lending.json`, "utf8")) as NatLendingOrder;

/** Machines' links, by the names of their domains. */
const guests = new Map<string, Bun.Subprocess>();
const played = new PlayedGround().ground(`${folder}/lending/run`);
const libvirt: typeof played.libvirt = {
  ...played.libvirt,
  async create(xml, ...more) {
    const [, name = ""] = /<name>(.+?)<\/name>/.exec(xml) ?? [];
    const [, tap = ""] = /<target dev=["'](omt.+?)["']/.exec(xml) ?? [];
    const script = join(import.meta.dir, "vm-tap-guest.ts");
    const guest = Bun.spawn([process.execPath, script, tap, order.guest, "eth0"], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    guests.set(name, guest);
    await guest.stdout.getReader().read();
    const { guestMacAddress, guestAddress, gatewayAddress, prefixLength, mtu } = GUEST_LINK;
    await run(["nsenter", `--net=${order.guest}`, "--", "ip", "-batch", "-"], {
      input: [
        `link set eth0 address ${guestMacAddress} mtu ${mtu} up`,
        `addr replace ${guestAddress}/${prefixLength} dev eth0`,
        `route replace default via ${gatewayAddress}`,
        "",
      ].join("\n"),
    });
    return played.libvirt.create(xml, ...more);
  },
  async destroy(name) {
    guests.get(name)?.kill("SIGKILL");
    await guests.get(name)?.exited;
    guests.delete(name);
    return true;
  },
};
let lender: Lender | undefined;
let last: EgressPlan | undefined;
class SeenEgress extends Egress {
  override attach(plan: EgressPlan): Promise<void> {
    last = plan;
    return super.attach(plan);
  }
}
const egress = new SeenEgress((names) => lender?.onTunnelLost(names));
process.on("SIGUSR2", () => {
  if (!last) return;
  egress.verify(last).then(
    () => console.log("egress as planned"),
    (error) => console.log(`egress ${error}`),
  );
});
const lent = lending(
  `${folder}/lending`,
  {
    policy: policyOf({ ...defaultConfig().vm, accept: "all" }),
    timers: systemTimers,
    heardAt: () => order.address,
    log,
  },
  { egress, libvirt },
);
lender = lent.lender;
const desk = new LeaseDesk({ lender, memberships, timers: systemTimers, randomBytes });
const server = new LeaseServer({ desk, log, listen: [{ address: order.address, port: LEASE_PORT }] });
const parts = [
  new LeaseMesh({ desk, networks: mesh, timers: systemTimers, log }),
  new LeasePaths({ lender, networks: mesh, log }),
];

await lender.start();
server.start();
for (const part of parts) await part.start();
await mesh.start();
const stop = async () => {
  for (const part of parts) await part.stop();
  await server.stop();
  await lender?.stop();
  await mesh.stop();
  lent.store.close();
  lent.journal.close();
  process.exit(0);
};
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
