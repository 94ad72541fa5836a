import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GUEST_LINK, leaseNames } from "../../src/vm/guest-link.ts";
import { parseCounters } from "../../src/vm/watch/counted.ts";
import type { LeaseTraffic, RogueEvent } from "../../src/vm/watch/index.ts";
import { type Lab, LabHost, type LabProcess, until } from "./lab.ts";
import { Conversation } from "./vm-egress-lab.ts";
import { etherFrame } from "./vm-frames.ts";
import type { LendingBox } from "./vm-lending-box.ts";
import { HOST, type Home, REQUESTER } from "./vm-requester.ts";

/** In emulation, on a machine that may do much else. */
const PATIENCE_MS = 180_000;
const SENDER = "/tmp/sender";
/** As in vm-guest-sender.c. */
const ORDER_TYPE = 0x88b6;
const MASK = 0xa5;

/** So many of one frame: @param field offset of 16 bits that rise by one each time, @param sum offset of their checksum */
export interface Repeated {
  times: number;
  field: number;
  sum: number;
}

/** The namespace of a lease, which has its name in the box's mount namespace alone. */
class LeaseNamespace extends LabHost {
  constructor(
    lab: Lab,
    name: string,
    private readonly box: LendingBox,
  ) {
    super(lab, name);
  }

  override command(command: readonly string[]): string[] {
    return ["nsenter", "--target", String(this.box.pid), "--mount", "--", ...super.command(command)];
  }
}

/** A virtual machine that somebody has lent, seen from its requester, who is root in it, and from the box. */
export class LentGuest {
  private feeder: Conversation | undefined;

  private constructor(
    readonly lease: string,
    /** In the tunnel. */
    readonly address: string,
    private readonly home: Home,
    private readonly key: string,
    private readonly requester: LabProcess,
    private readonly box: LendingBox,
    private readonly folder: string,
  ) {}

  /** @param name of its requester's folder @param key file of the one who may log in */
  static async lend(home: Home, name: string, key: string, box: LendingBox): Promise<LentGuest> {
    const folder = join(home.requester.lab.folder, name);
    mkdirSync(folder);
    const publicKey = readFileSync(`${key}.pub`, "utf8").trim();
    const program = join(import.meta.dir, "vm-requester-lease.ts");
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/wg"), wgThatMayRest(join(folder, RESTS)), { mode: 0o755 });
    const requester = home.requester.spawn([process.execPath, program, folder, HOST, publicKey, REQUESTER], {
      env: { PATH: `${join(folder, "bin")}:${process.env.PATH}` },
    });
    const ready = /^ready (\S+) SSH-2\.0/m;
    await until("SSH", () => /^(ready|ended) /m.test(requester.output()), PATIENCE_MS).catch((error) => {
      throw new Error(`${error}: ${requester.output()}\n${box.words()}`);
    });
    const [, address] = ready.exec(requester.output()) ?? [];
    if (address === undefined) throw new Error(`${requester.output()}\n${box.words()}`);
    const state = JSON.parse(readFileSync(join(folder, "requester.json"), "utf8")) as {
      leases: { id: string }[];
    };
    return new LentGuest(state.leases[0]?.id ?? "", address, home, key, requester, box, folder);
  }

  /** Where its link and its tunnel are. */
  get namespace(): LabHost {
    return new LeaseNamespace(this.home.host.lab, leaseNames(this.lease).namespace, this.box);
  }

  get tap(): string {
    return leaseNames(this.lease).tap;
  }

  /** The requester's interface by which its tunnel comes. */
  async requesterDevice(): Promise<string> {
    const network = this.address.split(".").slice(0, 3).join(".");
    const links = await this.home.requester.run(["ip", "-o", "-4", "address"]);
    const [, device] = new RegExp(`(omq\\w+)\\s+inet ${network}\\.`).exec(links) ?? [];
    if (device === undefined) throw new Error(`nobody serves ${this.address}: ${links}`);
    return device;
  }

  /** As root in it. @param input text for the command @returns what it prints */
  ssh(command: string, input?: string, timeoutMs = 60_000): Promise<string> {
    return this.home.requester.run([...this.shell, command], {
      timeoutMs,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Goes on while the test does. */
  sshMeanwhile(command: string): LabProcess {
    return this.home.requester.spawn([...this.shell, command]);
  }

  /** Has a program in it send what {@link order} says from now on, whatever becomes of its tunnel. @param program the sender's file */
  async takeOrders(program: Uint8Array): Promise<void> {
    await this.ssh(
      `base64 -d > ${SENDER}; chmod +x ${SENDER}; setsid ${SENDER} eth0 </dev/null >/dev/null 2>&1 & sleep 1; echo -1000 > /proc/$(pidof sender)/oom_score_adj; renice -n -20 -p $(pidof sender)`,
      Buffer.from(program).toString("base64"),
    );
    const feeder = join(import.meta.dir, "vm-frame-feeder.ts");
    this.feeder = new Conversation(this.namespace.command([process.execPath, feeder, this.tap]));
    if ((await this.feeder.next()) !== "ready") throw new Error("no way to its link");
  }

  /** Returns when it has been told, not when it has sent. */
  async order(frame: Uint8Array, repeated: Repeated = { times: 1, field: 0, sum: 0 }): Promise<void> {
    if (!this.feeder) throw new Error("it takes no orders yet");
    const head = Buffer.alloc(10);
    head.writeUInt32BE(repeated.times, 0);
    head.writeUInt16BE(repeated.field, 4);
    head.writeUInt16BE(repeated.sum, 6);
    head.writeUInt16BE(frame.length, 8);
    const masked = [...head, ...frame].map((byte) => byte ^ MASK);
    const told = this.feeder.next();
    this.feeder.say(`${Buffer.from(etherFrame(ORDER_TYPE, masked, TO_GUEST)).toString("hex")}\n`);
    const said = await told;
    if (said !== "sent") throw new Error(said);
  }

  async traffic(): Promise<LeaseTraffic> {
    return parseCounters(await this.namespace.run(["nft", "--json", "list", "counters"]));
  }

  /** What the box's watch has told of it so far. */
  events(): RogueEvent[] {
    const path = join(this.home.host.lab.folder, "lender", "rogue.jsonl");
    const lines = readFileSync(path, { encoding: "utf8", flag: "a+" }).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as RogueEvent).filter(({ lease }) => lease === this.lease);
  }

  /** Its requester's program puts back a peer that is missing: from now on in vain. */
  keepPeersAsTheyAre(): void {
    writeFileSync(join(this.folder, RESTS), "");
  }

  words(): string {
    return this.requester.output();
  }

  /** Its requester gives it back. */
  async release(): Promise<void> {
    await this.feeder?.end();
    await this.requester.stop();
  }

  private get shell(): string[] {
    const options = [
      ...["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"],
    ].flatMap((option) => ["-o", option]);
    return ["ssh", "-i", this.key, ...options, `root@${this.address}`];
  }
}

/** While there is such a file in its folder, a requester's `wg` changes nothing and says that it has. */
const RESTS = "wg-rests";
const wgThatMayRest = (file: string): string => `#!/bin/sh
if [ "$1" = set ] && [ -e "${file}" ]; then exit 0; fi
exec "${Bun.which("wg")}" "$@"
`;

const TO_GUEST = { from: GUEST_LINK.gatewayMacAddress, to: GUEST_LINK.guestMacAddress };
