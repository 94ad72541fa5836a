import { describe, expect, test } from "bun:test";
import { decodeInviteLink, signingKey } from "../../../../src/identity/index.ts";
import { MeshError } from "../../../../src/mesh/api/mesh-control.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { scratchFolders } from "../../scratch.ts";
import { recordOf } from "../directory/described.ts";
import { connectionOf } from "../fake-engine.ts";
import { VirtualNetwork } from "../paths/virtual-network.ts";
import { deskBox, meet, networkOf } from "./desk-box.ts";

const scratch = scratchFolders();
const FOREVER = { role: "box", once: false, hours: 0 } as const;
const OPTIONS = { urgency: "message" } as const;

/** A founder and one who has joined by its invite, who know each other; datagrams pass between them. */
async function pair() {
  const virtual = new VirtualNetwork();
  virtual.link("lan");
  const [a, b] = [deskBox(scratch(), virtual), deskBox(scratch(), virtual, "mill")];
  await a.desk.found("Harbour");
  await b.desk.join(a.desk.invite("", FOREVER).link);
  const [na, nb] = [networkOf(a), networkOf(b)];
  meet(na, nb);
  const [boxA, boxB] = virtual.boxes;
  if (!boxA || !boxB) throw new Error("two boxes");
  virtual.introduce(boxA, boxB);
  virtual.time.advance(2_000);
  return { virtual, a, b, na, nb };
}

/** What is refused, with the kind that it is of. */
async function refusal(action: () => unknown): Promise<[string, string]> {
  try {
    await action();
  } catch (error) {
    if (error instanceof MeshError) return [error.kind, error.message];
    throw error;
  }
  throw new Error("it was not refused");
}

const onlyBox = () => deskBox(scratch(), new VirtualNetwork());

describe("a network is named", () => {
  test("by nothing or a dash while there is one, else by its id or name", async () => {
    const box = onlyBox();
    expect(await refusal(() => box.desk.trace("", "x"))).toEqual([
      "unknown",
      "this box belongs to no network",
    ]);
    const { id } = await box.desk.found("Harbour");
    expect(["", "-", "Harbour", id].map((name) => box.desk.peers(name))).toEqual([[], [], [], []]);
    await box.desk.found("Valley");
    expect(await refusal(() => box.desk.rotate(""))).toEqual([
      "wrong",
      "network: this box is in several: Harbour, Valley",
    ]);
    await box.desk.rotate("Valley");
    expect(await refusal(() => box.desk.rotate("Mountain"))).toEqual([
      "unknown",
      "network: Mountain is none of this box's",
    ]);
    await box.desk.found("Valley");
    expect((await refusal(() => box.desk.rotate("Valley")))[1]).toContain(
      "several are called Valley; use an id",
    );
    expect(box.desk.peers()).toEqual([]);
  });

  test("that does not run is told why", async () => {
    const box = onlyBox();
    const { id } = await box.desk.found("Harbour");
    box.running.delete(id);
    expect(await refusal(() => box.desk.trace("", "x"))).toEqual(["failed", "Harbour does not run"]);
    box.troubles.set(id, "Harbour does not run: EADDRINUSE");
    expect(await refusal(() => box.desk.trace("", "x"))).toEqual([
      "failed",
      "Harbour does not run: EADDRINUSE",
    ]);
    expect(box.desk.networks()).toMatchObject([
      {
        name: "Harbour",
        trouble: "Harbour does not run: EADDRINUSE",
        known: 0,
        nat: "unknown",
        self: { peer: "" },
      },
    ]);
    expect(box.desk.networks()[0]).not.toHaveProperty("ports");
  });
});

describe("an invite", () => {
  test("lets in as many as come or one, for as long as it was said", async () => {
    const box = onlyBox();
    await box.desk.found("Harbour");
    const invite = (hours: number, once = false) =>
      decodeInviteLink(box.desk.invite("", { role: "box", once, hours }).link);
    expect(invite(0).expiresAt).toBe(0);
    const nowS = Math.floor(new Date("2026-07-01").getTime() / 1_000);
    expect(invite(168).expiresAt).toBe(nowS + 168 * 3_600);
    // The shortest time is a second, and never no end.
    expect(invite(0.000_1).expiresAt).toBe(nowS + 1);
    expect(invite(1, true).chain[0]?.uses).toBe(1);
    expect(invite(1).chain[0]?.uses).toBe(0);
  });

  test("names three boxes at most to begin with", async () => {
    const box = onlyBox();
    await box.desk.found("Harbour");
    expect(box.desk.invite("", FOREVER).bootstrap).toBe(0);
    networkOf(box).bootstrap = Array.from({ length: 9 }, (_, index) => ({
      publicKey: new Uint8Array(32).fill(index),
      addresses: [`/ip4/10.81.0.${index}/tcp/4600`],
    }));
    const { link, bootstrap } = box.desk.invite("", FOREVER);
    expect([bootstrap, decodeInviteLink(link).peers.length]).toEqual([3, 3]);
  });

  test("that a member may not give is refused in words", async () => {
    const { b } = await pair();
    expect(await refusal(() => b.desk.invite("", FOREVER))).toEqual([
      "wrong",
      "role: this box may not invite as box",
    ]);
    expect(await refusal(() => b.desk.rotate(""))).toEqual([
      "wrong",
      "only the network's founder and its operators may do that; this box is a box there",
    ]);
  });

  test("that is none, or has been used, is refused, and nothing begins", async () => {
    const box = onlyBox();
    expect((await refusal(() => box.desk.join("omerta://invite/nonsense")))[0]).toBe("wrong");
    expect((await refusal(() => box.desk.join("http://example.org")))[0]).toBe("wrong");
    expect([box.events, box.journal, box.desk.networks()]).toEqual([[], [], []]);
  });
});

describe("a member", () => {
  test("who is put out joins again by a new invite with another key, and its network begins anew", async () => {
    const { a, b, na, nb } = await pair();
    const before = nb.peer;
    expect(await a.desk.revoke("", "mill", "sold")).toEqual({ inviteClosed: true });
    expect(na.told).toHaveLength(2);
    for (const statement of na.told) nb.membership.accept(statement);
    expect(b.desk.networks()[0]?.trouble).toBe("revoked: sold");
    await b.desk.join(a.desk.invite("", FOREVER).link);
    expect(b.events).toEqual(["begin Harbour", "end Harbour", "begin Harbour"]);
    expect(networkOf(b).peer).not.toBe(before);
    expect(b.desk.networks()[0]).not.toHaveProperty("trouble");
    // By an invite to where it is already, nothing ends.
    await b.desk.join(a.desk.invite("", FOREVER).link);
    expect(b.events).toHaveLength(3);
  });

  test("who is put out does not come back by the invite that it came by, and the others stay", async () => {
    const virtual = new VirtualNetwork();
    const [a, b, c] = [deskBox(scratch(), virtual), deskBox(scratch(), virtual), deskBox(scratch(), virtual)];
    await a.desk.found("Harbour");
    const { link } = a.desk.invite("", FOREVER);
    for (const box of [b, c]) await box.desk.join(link);
    const [na, nb, nc] = [networkOf(a), networkOf(b), networkOf(c)];
    meet(na, nb, ["quay", "mill"]);
    meet(na, nc, ["quay", "tower"]);
    for (const one of [nb, nc]) na.membership.noteAdmission(one.membership.chain());
    await a.desk.revoke("", "mill", "sold");
    for (const statement of na.told) nb.membership.accept(statement);
    const again = await b.desk.join(link);
    expect(again.trouble).toBeDefined();
    const { membership } = networkOf(b);
    expect(() => na.membership.check(membership.chain(), membership.publicKey)).toThrow();
    expect(na.membership.isStillMember(nc.membership.publicKey)).toBe(true);
    // An invite for one is used up, so there is nothing to be closed.
    const d = deskBox(scratch(), virtual);
    await d.desk.join(a.desk.invite("", { ...FOREVER, once: true }).link);
    meet(na, networkOf(d), ["quay", "gate"]);
    expect(await a.desk.revoke("", "gate", "")).toEqual({ inviteClosed: false });
  });

  test("goes with all who came by its invite when that is revoked, by its id or its link", async () => {
    const virtual = new VirtualNetwork();
    const [a, b, c] = [deskBox(scratch(), virtual), deskBox(scratch(), virtual), deskBox(scratch(), virtual)];
    await a.desk.found("Harbour");
    const [leaked, other] = [a.desk.invite("", FOREVER), a.desk.invite("", FOREVER)];
    await b.desk.join(leaked.link);
    await c.desk.join(other.link);
    const [na, nb, nc] = [networkOf(a), networkOf(b), networkOf(c)];
    for (const one of [nb, nc]) na.membership.noteAdmission(one.membership.chain());
    const views = () => Object.fromEntries(a.desk.invites("").map(({ id, ...rest }) => [id, rest]));
    expect(views()[leaked.id]).toMatchObject({
      role: "box",
      state: "open",
      made: { once: false },
      came: [{ peer: nb.peer }],
    });
    const why = "leaked";
    expect(await a.desk.revokeInvite("", leaked.id.slice(0, 8), { keep: false, why })).toEqual({
      id: leaked.id,
      putOut: 1,
    });
    expect(na.told).toHaveLength(1);
    expect([nb, nc].map(({ membership }) => na.membership.isStillMember(membership.publicKey))).toEqual([
      false,
      true,
    ]);
    expect(await a.desk.revokeInvite("-", other.link, { keep: true, why })).toEqual({
      id: other.id,
      putOut: 0,
    });
    expect([views()[leaked.id]?.state, views()[other.id]?.state]).toEqual(["out", "closed"]);
    expect(na.membership.isStillMember(nc.membership.publicKey)).toBe(true);
    const d = deskBox(scratch(), virtual);
    await d.desk.join(other.link);
    const { membership } = networkOf(d);
    expect(() => na.membership.check(membership.chain(), membership.publicKey)).toThrow("closed");
    expect(a.journal.slice(-2)).toEqual([`invite-revoked ${leaked.id}`, `invite-closed ${other.id}`]);
  });

  test("whose invite is not clear, or that this box stands on, is not put out by it", async () => {
    const { a, na, b } = await pair();
    const elsewhere = deskBox(scratch(), new VirtualNetwork());
    await elsewhere.desk.found("Valley");
    const { link } = elsewhere.desk.invite("", FOREVER);
    const { id, link: own } = a.desk.invite("", { ...FOREVER, role: "operator" });
    const how = { keep: false, why: "" };
    const by = (text: string, network = "") => refusal(() => a.desk.revokeInvite(network, text, how));
    for (const text of ["", id.slice(0, 3), "ffffffffffff"])
      expect(await by(text)).toEqual(["unknown", expect.stringContaining("invite: none, or several")]);
    expect(await by(link)).toEqual(["unknown", "invite: is of a network that this box is not in"]);
    expect(await by(own, "Valley")).toEqual(["wrong", "invite: is of Harbour, not of Valley"]);
    expect((await by("omerta://invite/nonsense"))[0]).toBe("wrong");
    await b.desk.leave("");
    await b.desk.join(own);
    expect(await refusal(() => b.desk.revokeInvite("", own, how))).toEqual([
      "wrong",
      "invite: this box itself came by it, or whoever let it in; it can only be closed",
    ]);
    expect(await b.desk.revokeInvite("", own, { keep: true, why: "" })).toMatchObject({ id });
    expect(na.told).toEqual([]);
  });

  test("who has not been heard of for long is put out by the whole id", async () => {
    const { a, na } = await pair();
    const stranger = peerIdOf(signingKey(new Uint8Array(32).fill(77)).publicKey);
    await a.desk.revoke("", stranger, "");
    expect(na.told).toHaveLength(1);
    expect(await refusal(() => a.desk.revoke("", stranger.slice(0, 20), ""))).toMatchObject([
      "unknown",
      expect.stringContaining("no member"),
    ]);
    expect(na.told).toHaveLength(1);
  });

  test("cannot put itself out by mistake", async () => {
    const { a, na } = await pair();
    expect(await refusal(() => a.desk.revoke("", na.peer, ""))).toEqual([
      "wrong",
      "peer: that is this box itself; leave the network instead",
    ]);
  });

  test("who calls itself by another's id gets nothing that is meant for that one", async () => {
    const { a, na, nb } = await pair();
    const victim = peerIdOf(signingKey(new Uint8Array(32).fill(78)).publicKey);
    const { membership } = nb;
    na.directory.accept(
      recordOf(signingKey(membership.seed), 2, { chain: membership.chain(), name: victim }),
    );
    const send = () =>
      a.desk.send({ network: "", peer: victim, channel: "x-a", body: Buffer.of(1), options: OPTIONS });
    expect((await refusal(send))[0]).toBe("unknown");
    na.engine.opened(connectionOf(victim));
    expect(await refusal(send)).toEqual(["failed", `unknown peer: ${victim}`]);
  });

  test("is listed with what it says of itself and how it is reached, the connected first", async () => {
    const { virtual, a, na, nb } = await pair();
    for (const [number, name] of [
      [1, "zebra"],
      [2, "ant"],
    ] as const) {
      const other = deskBox(scratch(), virtual, name);
      await other.desk.join(a.desk.invite("", FOREVER).link);
      meet(na, networkOf(other), ["quay", name]);
      if (number === 1) na.engine.opened(connectionOf(networkOf(other).peer, { kind: "ws" }));
    }
    virtual.time.advance(60_000);
    const peers = a.desk.peers();
    expect(peers.map(({ name, connected, streams }) => [name, connected, streams])).toEqual([
      ["mill", true, []],
      ["zebra", true, ["ws"]],
      ["ant", false, []],
    ]);
    expect(peers[0]).toMatchObject({
      peer: nb.peer,
      role: "box",
      heardSecondsAgo: 62,
      paths: [{ kind: "ethernet", state: "good", chosen: true }],
    });
  });
});

describe("a message", () => {
  test("says to whom it went and how long it took, or that it did not", async () => {
    const { virtual, a, b, nb } = await pair();
    const heard: string[] = [];
    b.desk.listen(
      { network: "", channel: "x-news" },
      ({ body }) => void heard.push(String(Buffer.from(body))),
    );
    const send = (channel: string, timeoutMs = 5_000) =>
      a.desk.send({
        network: "",
        peer: "mill",
        channel,
        body: Buffer.from("hi"),
        options: { ...OPTIONS, timeoutMs },
      });
    const sent = send("x-news");
    virtual.time.advance(1_000);
    const { peer, tookMs } = await sent;
    expect([peer, heard]).toEqual([nb.peer, ["hi"]]);
    expect(tookMs).toBeGreaterThan(0);
    expect(tookMs).toBe(Math.round(tookMs * 10) / 10);
    // Nobody listens there: it does not count as arrived.
    const lost = refusal(() => send("x-other", 500));
    virtual.time.advance(2_000);
    expect((await lost)[0]).toBe("failed");
  });

  test("is taken for as long as somebody listens, and what was attached for it is given up then", async () => {
    const { a, b, nb, virtual } = await pair();
    const listen = (what: { channel: string } | { topic: string }) =>
      b.desk.listen({ network: "Harbour", ...what }, () => {});
    const ends = [0, 1, 2].flatMap(() => [listen({ channel: "x-a" }), listen({ topic: "x-a" })]);
    expect([[...nb.channels], [...nb.engine.subscriptions]]).toEqual([["x-a"], [["x-a", 1]]]);
    for (const end of ends) {
      expect([nb.channels.size, nb.engine.subscriptions.size].some((count) => count > 0)).toBe(true);
      end();
      end();
    }
    expect([nb.channels.size, nb.engine.subscriptions.size]).toEqual([0, 0]);
    for (let round = 0; round < 1_000; round += 1) {
      listen({ channel: `x-${round}` })();
      listen({ topic: `x-${round}` })();
    }
    expect([nb.channels.size, nb.engine.subscriptions.size]).toEqual([0, 0]);
    expect(Bun.inspect(b.desk, { depth: 2 })).not.toContain("x-999");
    const sent = refusal(() =>
      a.desk.send({
        network: "",
        peer: "mill",
        channel: "x-a",
        body: Buffer.of(1),
        options: { ...OPTIONS, timeoutMs: 500 },
      }),
    );
    virtual.time.advance(2_000);
    expect((await sent)[0]).toBe("failed");
  });

  test("of gossip goes to all who listen to its topic, and on to other boxes", async () => {
    const { b, nb } = await pair();
    const heard: string[] = [];
    for (const ear of ["left", "right"])
      b.desk.listen({ network: "", topic: "x-news" }, ({ from, body }) => {
        heard.push(`${ear} ${from} ${Buffer.from(body)}`);
      });
    expect(nb.engine.hear("x-news", Buffer.from("rain"), "who")).toEqual(["accept"]);
    expect(heard).toEqual(["left who rain", "right who rain"]);
    await b.desk.publish("", "x-news", Buffer.from("wind"));
    expect(nb.engine.published.map(({ topic }) => topic)).toEqual(["x-news"]);
  });

  test("still comes to who listens when the network has ended and begun anew, once each", async () => {
    const { a, b, na, nb } = await pair();
    const heard: string[] = [];
    const listen = (ear: string) =>
      b.desk.listen(
        { network: "", topic: "x-news" },
        ({ body }) => void heard.push(`${ear} ${Buffer.from(body)}`),
      );
    const end = listen("old");
    await a.desk.revoke("", "mill", "");
    for (const statement of na.told) nb.membership.accept(statement);
    await b.desk.join(a.desk.invite("", FOREVER).link);
    listen("new");
    const { engine } = networkOf(b);
    expect(engine).not.toBe(nb.engine);
    engine.hear("x-news", Buffer.from("rain"), "who");
    expect(heard).toEqual(["old rain", "new rain"]);
    end();
    engine.hear("x-news", Buffer.from("wind"), "who");
    expect(heard.slice(2)).toEqual(["new wind"]);
  });

  test("can be waited for before the network runs", async () => {
    const box = onlyBox();
    const membership = box.memberships.found("Harbour");
    const heard: string[] = [];
    box.desk.listen({ network: "", topic: "x-news" }, ({ from }) => void heard.push(from));
    // Begun by the mesh itself, as at a start.
    box.troubles.clear();
    await box.desk.join(membership.invite({ role: "box", uses: 0, expiresS: 0, peers: [] }));
    networkOf(box).engine.hear("x-news", Buffer.of(1), "who");
    expect(heard).toEqual(["who"]);
  });
});

describe("a trace", () => {
  test("tries the ways and names them", async () => {
    const { a, na, nb } = await pair();
    const steps = await a.desk.trace("", "mill");
    expect(na.reached).toEqual([nb.peer]);
    expect(steps).toMatchObject([
      { kind: "ethernet", via: "10.1.0.2:7000 by lan", chosen: true, result: "good" },
    ]);
    expect(steps[0]?.rttMs).toBeGreaterThan(1);
  });
});

describe("keys", () => {
  test("are exported, and imported by another device, which begins what it did not run", async () => {
    const { a, na } = await pair();
    const passphrase = "correct horse battery";
    const file = await a.desk.exportKeys(passphrase);
    const other = onlyBox();
    expect(await refusal(() => other.desk.importKeys(file, "wrong horse battery"))).toEqual([
      "wrong",
      "export: the passphrase is wrong, or the file is damaged",
    ]);
    expect(await other.desk.importKeys(file, passphrase)).toEqual(["Harbour"]);
    expect(networkOf(other).peer).toBe(na.peer);
    expect(await other.desk.importKeys(file, passphrase)).toEqual(["Harbour"]);
    expect(other.events).toEqual(["begin Harbour"]);
  });

  test("that replace those of a box that was put out let its network begin anew", async () => {
    const { a, b, na, nb } = await pair();
    const passphrase = "correct horse battery";
    const third = onlyBox();
    await third.desk.join(a.desk.invite("", FOREVER).link);
    const file = await third.desk.exportKeys(passphrase);
    await a.desk.revoke("", nb.peer, "");
    for (const statement of na.told) nb.membership.accept(statement);
    await b.desk.importKeys(file, passphrase);
    expect(b.events).toEqual(["begin Harbour", "end Harbour", "begin Harbour"]);
    expect(networkOf(b).peer).toBe(networkOf(third).peer);
  });

  test("are not exported under a passphrase that is too short, and the journal does not say that they were", async () => {
    const { a } = await pair();
    expect((await refusal(() => a.desk.exportKeys("short")))[0]).toBe("wrong");
    expect(a.journal.filter((line) => line.startsWith("keys-exported"))).toEqual([]);
  });
});

describe("a tunnel", () => {
  test("is refused where this box may make none", async () => {
    const { a } = await pair();
    const device = { addresses: ["10.66.0.1/24"], allowedIps: ["10.66.0.0/24"] };
    const request = { network: "", peer: "mill", purpose: "", device };
    for (const ask of [
      () => a.desk.openTunnel(request),
      () => a.desk.welcomeTunnel(request),
      () => a.desk.closeTunnel("", "t"),
    ])
      expect(await refusal(ask)).toEqual(["failed", "this box runs without the rights that tunnels need"]);
    expect(a.desk.tunnels()).toEqual([]);
  });

  test("is opened once its other end was reached, and is welcomed from whom it was said", async () => {
    const { a, na, nb } = await pair();
    const welcomes: unknown[] = [];
    const closed: string[] = [];
    na.tunnels = {
      open: async () => {
        throw new Error("it did not come up");
      },
      lead: async () => {
        throw new Error("there are too many");
      },
      welcome: (welcome) => String(welcomes.push(welcome)),
      close: async (id) => void closed.push(id),
      status: () => [],
    };
    const device = { addresses: ["10.66.0.1/24"], allowedIps: ["10.66.0.0/24"] };
    const request = { network: "", purpose: "lease", device };
    expect(await refusal(() => a.desk.openTunnel({ ...request, peer: "mill" }))).toEqual([
      "failed",
      "it did not come up",
    ]);
    expect(na.reached).toEqual([nb.peer]);
    expect(a.desk.welcomeTunnel(request)).toBe("1");
    a.desk.welcomeTunnel({ ...request, peer: "mill", lifetimeMs: 1_000 });
    expect(welcomes).toEqual([
      { purpose: "lease", device },
      { purpose: "lease", device, peer: nb.peer, lifetimeMs: 1_000 },
    ]);
    expect((await refusal(() => a.desk.welcomeTunnel({ ...request, peer: "nobody" })))[1]).toContain(
      "nobody",
    );
    await a.desk.closeTunnel("", "t1");
    expect(closed).toEqual(["t1"]);
  });
});

test("a network that is left is forgotten", async () => {
  const { b } = await pair();
  await b.desk.leave("Harbour");
  expect([b.desk.networks(), b.running.size, b.events.at(-1)]).toEqual([[], 0, "end Harbour"]);
  expect(b.journal.at(-1)).toBe("network-left Harbour");
});
