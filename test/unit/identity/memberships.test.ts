import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InviteError, OMERTA_PREFIX } from "../../../src/identity/index.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";
import { DAY_S, inviteBy, openBox } from "./network.ts";

const scratch = scratchFolders();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const pathOf = (folder: string, id: string) => join(folder, "networks", `${id}.json`);

describe("a box's memberships", () => {
  test("are the same after a restart: keys, certificates, statements, peers, shared keys", () => {
    const box = openBox(scratch());
    const founder = box.memberships.found("Harbour", "quay");
    founder.rotate();
    founder.revoke(new Uint8Array(32).fill(9), "out", "lost");
    founder.rememberPeers([
      { publicKey: new Uint8Array(32).fill(1), addresses: ["/ip4/192.0.2.1/tcp/4001"] },
    ]);
    const [again] = openBox(box.folder).memberships.list();
    if (again === undefined) throw new Error("is gone");
    for (const read of [
      (m: typeof again) => [m.id, m.name, m.isFounder, hex(m.seed), hex(m.chain())],
      (m: typeof again) => m.sharedKeys(),
      (m: typeof again) => m.statements(),
      (m: typeof again) => m.peers(),
    ]) {
      expect(read(again)).toEqual(read(founder));
    }
  });

  test("are with another key in each network, and nothing of one is in another's document", () => {
    const { memberships, folder } = openBox(scratch());
    const [a, b] = [memberships.found("Harbour"), memberships.found("Mill")];
    expect(hex(a.publicKey)).not.toBe(hex(b.publicKey));
    const text = readFileSync(pathOf(folder, a.id), "utf8");
    for (const secret of [b.seed, b.publicKey, b.networkKey, ...b.sharedKeys()]) {
      expect(text).not.toContain(Buffer.from(secret).toString("base64"));
    }
    expect(text).not.toContain("Mill");
  });

  test("are kept where the daemon alone can read them, also after somebody opened the folder up", () => {
    const { memberships, folder } = openBox(scratch());
    const { id } = memberships.found("Harbour");
    chmodSync(join(folder, "networks"), 0o755);
    memberships.get(id)?.rotate();
    expect(statSync(join(folder, "networks")).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(folder, "networks"))) {
      expect(statSync(join(folder, "networks", name)).mode & 0o777).toBe(0o600);
    }
  });

  test("lose nothing when a document is torn: there is one before it", () => {
    const { memberships, folder } = openBox(scratch());
    const network = memberships.found("Harbour");
    writeFileSync(pathOf(folder, network.id), "{");
    const again = openBox(folder);
    expect(again.memberships.get(network.id)?.publicKey).toEqual(network.publicKey);
    expect(again.told).toEqual([expect.stringContaining("was torn")]);
  });

  test("lose one network and no other where all of its copies are torn, and keep what is left of them", () => {
    const { memberships, folder } = openBox(scratch());
    const [a, b] = [memberships.found("Harbour"), memberships.found("Mill")];
    for (const suffix of ["", ".previous"])
      writeFileSync(`${pathOf(folder, a.id)}${suffix}`, `torn${suffix}`);
    const again = openBox(folder);
    expect(again.memberships.list().map(({ id }) => id)).toEqual([b.id]);
    expect(again.told.at(-1)).toBe(`network ${a.id} is lost: this box needs a new invite`);
    expect(readFileSync(`${pathOf(folder, a.id)}.torn.1`, "utf8")).toBe("torn");
  });

  test("leave out a document that is another network's, or whose certificates are not this box's, and say so", () => {
    const { memberships, folder } = openBox(scratch());
    const [a, b] = [memberships.found("Harbour"), memberships.found("Mill")];
    const text = readFileSync(pathOf(folder, b.id), "utf8");
    for (const suffix of ["", ".previous"]) writeFileSync(`${pathOf(folder, a.id)}${suffix}`, text);
    const again = openBox(folder);
    expect(again.memberships.list().map(({ id }) => id)).toEqual([b.id]);
    expect(again.told).toEqual([`network ${a.id} is left out: its document is that of network ${b.id}`]);
    expect(existsSync(pathOf(folder, a.id))).toBe(true);
  });

  test("hold until the restart where nothing can be written, and the operator is told", () => {
    const box = openBox("/proc/no-such-folder");
    const network = box.memberships.found("Harbour");
    expect(box.memberships.list()).toEqual([network]);
    expect(box.told.at(-1)).toContain("network Harbour is not kept");
  });

  test("are written at once when somebody has come by an invite for one: another could come by it after a power cut", () => {
    const clock = new FakeClock();
    const { memberships, folder } = openBox(scratch(), clock);
    const founder = memberships.found("Harbour");
    const kept = () => openBox(folder, clock).memberships.get(founder.id)?.statements().length;
    const newcomer = (uses: 0 | 1) =>
      openBox(scratch(), clock).memberships.join(inviteBy(founder, { uses })).membership.chain();
    for (const uses of [0, 0] as const) founder.noteAdmission(newcomer(uses));
    expect(kept()).toBe(2);
    founder.noteAdmission(newcomer(1));
    expect(kept()).toBe(4);
  });

  test("are written at once when somebody is put out, and admissions at the latest when the box stops", () => {
    const clock = new FakeClock();
    const founder = openBox(scratch(), clock).memberships.found("Harbour");
    const { memberships, folder } = openBox(scratch(), clock);
    const a = memberships.join(inviteBy(founder)).membership;
    const kept = () => openBox(folder, clock).memberships.get(a.id)?.statements().length;
    for (let n = 0; n < 2; n += 1) {
      a.noteAdmission(openBox(scratch(), clock).memberships.join(inviteBy(founder)).membership.chain());
    }
    expect([a.statements().length, kept()]).toEqual([2, 1]);
    memberships.flush();
    expect(kept()).toBe(2);
    a.accept(founder.revoke(new Uint8Array(32).fill(9), "out"));
    expect(kept()).toBe(3);
  });
});

describe("founding", () => {
  test.each(["", "x".repeat(61), "a\nb"])("refuses %p as a name", (name) => {
    const { memberships, folder } = openBox(scratch());
    expect(() => memberships.found(name)).toThrow(InviteError);
    expect(existsSync(join(folder, "networks"))).toBe(false);
  });
});

describe("joining", () => {
  test("by Omerta's own link is refused with the reason", () => {
    const { memberships } = openBox(scratch());
    const link = `${OMERTA_PREFIX}${Buffer.from(
      JSON.stringify({
        networkKey: Buffer.alloc(32).toString("base64"),
        networkName: "Old town",
        bootstrapPeers: [],
        createdAt: "2026-06-01T12:00:00Z",
      }),
    ).toString("base64")}`;
    expect(() => memberships.join(link)).toThrow("A box cannot join by it");
  });

  test("by the same invite at every start changes nothing, also when it has expired meanwhile", () => {
    const clock = new FakeClock();
    const founder = openBox(scratch(), clock).memberships.found("Harbour");
    const link = inviteBy(founder, { expiresS: DAY_S });
    const { memberships } = openBox(scratch(), clock);
    const { membership } = memberships.join(link, "mill");
    const chain = membership.chain();
    clock.pass(60_000);
    expect([memberships.join(link, "mill").outcome, membership.chain()]).toEqual(["kept", chain]);
    founder.check(chain, membership.publicKey);
    founder.noteAdmission(chain);
    const settled = founder.settle(chain);
    if (settled === undefined) throw new Error("nothing was settled");
    membership.take(settled);
    clock.pass(2 * DAY_S * 1_000);
    expect(memberships.join(link, "mill").outcome).toBe("kept");
    expect(membership.chain()).toEqual(settled);
  });

  test("by an invite that has expired is refused", () => {
    const clock = new FakeClock();
    const founder = openBox(scratch(), clock).memberships.found("Harbour");
    const link = inviteBy(founder, { expiresS: DAY_S });
    clock.pass(DAY_S * 1_000);
    expect(() => openBox(scratch(), clock).memberships.join(link)).toThrow(
      "link.expiresAt: the invite has expired at 2026-07-02",
    );
  });

  test("once more by a better invite renews, by a lesser one keeps what is there; boxes are added either way", () => {
    const founder = openBox(scratch()).memberships.found("Harbour");
    const { memberships } = openBox(scratch());
    const peer = (n: number) => [
      { publicKey: new Uint8Array(32).fill(n), addresses: [`/ip4/192.0.2.${n}/tcp/4001`] },
    ];
    const { membership, outcome } = memberships.join(inviteBy(founder, { expiresS: DAY_S, peers: peer(1) }));
    membership.accept(founder.rotate());
    expect(outcome).toBe("joined");
    const { publicKey } = membership;
    const better = memberships.join(
      inviteBy(founder, { expiresS: 2 * DAY_S, grants: ["box"], peers: peer(2) }),
    );
    expect([better.outcome, better.membership === membership]).toEqual(["renewed", true]);
    expect(membership.self.grants).toEqual(["box"]);
    const lesser = memberships.join(inviteBy(founder, { expiresS: 3 * DAY_S, peers: peer(3) }));
    expect([lesser.outcome, membership.self.grants]).toEqual(["kept", ["box"]]);
    expect(membership.peers().map(({ addresses }) => addresses[0])).toEqual(
      [3, 2, 1].map((n) => `/ip4/192.0.2.${n}/tcp/4001`),
    );
    expect([membership.publicKey, membership.statements().length]).toEqual([publicKey, 1]);
  });

  test("once more after one was put out is with another key, and only with a new invite", () => {
    const founder = openBox(scratch()).memberships.found("Harbour");
    const { memberships, folder } = openBox(scratch());
    const { membership } = memberships.join(inviteBy(founder));
    const old = membership.publicKey;
    membership.accept(founder.revoke(old, "out", "lost"));
    expect(membership.problem).toBe("revoked: lost");
    expect(memberships.join(inviteBy(founder)).outcome).toBe("renewed");
    expect([hex(membership.publicKey) === hex(old), membership.problem]).toEqual([false, undefined]);
    expect(founder.check(membership.chain(), membership.publicKey).role).toBe("box");
    expect(openBox(folder).memberships.get(membership.id)?.publicKey).toEqual(membership.publicKey);
  });

  test("a network that one has founded takes nothing away", () => {
    const { memberships } = openBox(scratch());
    const founder = memberships.found("Harbour");
    expect(memberships.join(inviteBy(founder)).outcome).toBe("kept");
    expect([founder.isFounder, founder.self.grants.length]).toEqual([true, 4]);
  });
});

describe("leaving", () => {
  test("forgets the network, for good", () => {
    const founder = openBox(scratch()).memberships.found("Harbour");
    const { memberships, folder } = openBox(scratch());
    const { id } = memberships.join(inviteBy(founder)).membership;
    expect([memberships.leave(id), memberships.leave(id)]).toEqual([true, false]);
    expect(readdirSync(join(folder, "networks"))).toEqual([]);
    expect(openBox(folder).memberships.list()).toEqual([]);
  });

  test("a network that this box holds the key of puts the key aside: nobody else has it", () => {
    const { memberships, folder, told } = openBox(scratch());
    const { id } = memberships.found("Harbour");
    memberships.leave(id);
    expect(openBox(folder).memberships.list()).toEqual([]);
    expect(readdirSync(join(folder, "networks"))).toEqual([`${id}.json.left`]);
    expect(told.at(-1)).toContain(`${id}.json.left`);
  });

  test("also works where the document has gone", () => {
    const { memberships, folder } = openBox(scratch());
    const { id } = memberships.found("Harbour");
    rmSync(join(folder, "networks"), { recursive: true });
    expect(memberships.leave(id)).toBe(true);
  });
});
