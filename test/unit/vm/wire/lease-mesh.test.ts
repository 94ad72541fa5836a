import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Role } from "../../../../src/identity/index.ts";
import { peerIdOf } from "../../../../src/mesh/index.ts";
import { encodeLeaseAsk, type LeaseAsk } from "../../../../src/vm/request/index.ts";
import { LEASE_PROTOCOL, LeaseMesh, type LeaseNetwork } from "../../../../src/vm/wire/index.ts";
import { connectionOf, type FakeEngine, FakeEngines } from "../../mesh/fake-engine.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf } from "../admission/fixed-case.ts";
import { eventually } from "../lending/played-ground.ts";
import { hex } from "../request/fixed-request.ts";
import { joined, lendingToMembers, quietLog, releaseOf, requestOf } from "./members.ts";

const scratch = scratchFolders();

describe("a member of a network who asks a box by the mesh", () => {
  let folder = "";
  let stand: ReturnType<typeof lendingToMembers>;
  let part: LeaseMesh;
  let engines: FakeEngines;
  let box: FakeEngine;
  let time: VirtualTime;
  beforeEach(async () => {
    folder = scratch();
    stand = lendingToMembers(folder);
    await stand.lender.start();
    engines = new FakeEngines();
    box = engines.engine(peerIdOf(stand.network.publicKey));
    const network: LeaseNetwork = { membership: stand.network, engine: box };
    time = new VirtualTime();
    part = new LeaseMesh({
      desk: stand.desk,
      networks: {
        onNetworks: ({ began }) => {
          began(network);
          return () => {};
        },
      },
      timers: time,
      log: quietLog,
    });
    await part.start();
  });
  afterEach(async () => {
    await part.stop();
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });

  /** A member's own box, connected. */
  function carrier(role: Role = "box", remote = "/ip4/192.0.2.7/tcp/4600") {
    const { member } = joined(folder, stand.network, role);
    const engine = engines.engine(peerIdOf(member.publicKey));
    engine.opened(connectionOf(box.peer));
    // Every stream of a played engine is of the connection "fake".
    const self = { publicKey: member.publicKey, role, name: "", grants: [], expiresAt: 0 };
    box.opened(connectionOf(engine.peer, { id: "fake", remote, member: self }));
    return { member, engine };
  }
  async function ask(engine: FakeEngine, said: LeaseAsk | Uint8Array): Promise<Record<string, unknown>> {
    const stream = await engine.open(box.peer, LEASE_PROTOCOL);
    await stream.send(said instanceof Uint8Array ? said : encodeLeaseAsk(said));
    for await (const frame of stream.frames())
      return JSON.parse(Buffer.from(frame).toString()) as Record<string, unknown>;
    throw new Error("nothing was answered");
  }
  const lastDecision = () =>
    stand.journal.tail(20).find(({ kind }) => ["lease-allowed", "lease-denied"].includes(kind));
  const request = (bytes: Uint8Array, chain?: Uint8Array): LeaseAsk => ({ kind: "request", bytes, chain });

  test("gets a machine without showing more than who its box is, and releases it", async () => {
    const { member, engine } = carrier();
    const named = requestOf(member, 1, {}, hex(stand.network.publicKey));
    expect(await ask(engine, request(named))).toMatchObject({ is: "admitted" });
    expect(lastDecision()?.detail).toMatchObject({
      priority: 50,
      source: { address: "192.0.2.7", networks: [stand.network.id], local: false },
    });
    expect(await ask(engine, { kind: "command", bytes: releaseOf(member, 1) })).toEqual({ is: "done" });
    await eventually("it is over", () => stand.lender.live().length === 0);
  });

  test("is an operator by the box that carries it, or by its own certificates", async () => {
    const { member, engine } = carrier("operator");
    await ask(engine, request(requestOf(member, 1)));
    expect(lastDecision()?.detail).toMatchObject({ priority: 100, source: { local: true } });
    const { engine: plain } = carrier();
    const { member: operator } = joined(folder, stand.network, "operator");
    await ask(plain, request(requestOf(operator, 2), operator.chain()));
    expect(lastDecision()?.detail).toMatchObject({ priority: 100, source: { local: true } });
  });

  test.each([
    ["/ip4/192.0.2.7/tcp/4600", "192.0.2.7"],
    ["/ip6/2001:db8::7/tcp/4600/ws", "2001:db8::7"],
    ["/ip4/192.0.2.8/tcp/4600/p2p/12D3KooWRelay/p2p-circuit", "192.0.2.8"],
    ["/ip6zone/eth0/ip6/fe80::7/tcp/4600", undefined],
    ["/ip6/fe80::7/tcp/4600", undefined],
    ["/dns4/box.example/tcp/1", undefined],
  ])("from %s counts as from %p", async (remote, address) => {
    const { member, engine } = carrier("box", remote);
    await ask(engine, request(requestOf(member, 1)));
    const { source } = lastDecision()?.detail ?? {};
    expect(source).toEqual({
      address: address ?? engine.peer,
      ...{ local: false, networks: [stand.network.id], reputation: 50 },
    });
  });

  test("hears of its lease step by step, with a sign of life in between, until it goes", async () => {
    const { member, engine } = carrier();
    const stream = await engine.open(box.peer, LEASE_PROTOCOL);
    await stream.send(encodeLeaseAsk({ kind: "events", lease: idOf(1) }));
    const heard: string[] = [];
    const reading = (async () => {
      for await (const frame of stream.frames()) heard.push(Buffer.from(frame).toString());
    })().catch(() => {});
    await ask(engine, request(requestOf(member, 1)));
    await eventually("it runs", () => heard.some((line) => line.includes('"running"')));
    expect(heard[0]).toBe("");
    expect(part.detail()).toBe("1 stream of members");
    stream.abort(new Error("gone"));
    await reading;
    await eventually("the box knows", () => part.detail() === "0 streams of members");
  });

  test("gets no answer to what is no ask, to nothing within 10 s, or to a second ask", async () => {
    const { engine } = carrier();
    const problem = (said: Uint8Array) => ask(engine, said).catch((error: unknown) => String(error));
    expect(await problem(Uint8Array.of(1, 2, 3))).toContain("ask");
    const silent = await engine.open(box.peer, LEASE_PROTOCOL);
    await eventually("it is served", () => part.detail() === "1 stream of members");
    time.advance(10_000);
    await eventually("it is ended", () => part.detail() === "0 streams of members");
    await expect(silent.send(Uint8Array.of(1))).rejects.toThrow("nothing was asked");
    const events = encodeLeaseAsk({ kind: "events", lease: idOf(1) });
    const stream = await engine.open(box.peer, LEASE_PROTOCOL);
    await stream.send(events);
    await stream.send(events);
    await eventually("it is ended", () => part.detail() === "0 streams of members");
  });

  test("may ask so much and no more, whatever it asks; another member may still", async () => {
    const { engine } = carrier();
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, () =>
        ask(engine, { kind: "command", bytes: new Uint8Array(10) }).then(
          ({ is }) => String(is),
          (error: unknown) => String(error),
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "refused").length).toBeLessThanOrEqual(25);
    expect(outcomes.filter((outcome) => outcome.includes("too many")).length).toBeGreaterThan(10);
    const { engine: other } = carrier();
    expect(await ask(other, { kind: "command", bytes: new Uint8Array(10) })).toMatchObject({ is: "refused" });
  });

  test("is let wait for nothing when the box stops lending", async () => {
    const { member, engine } = carrier();
    await part.stop();
    const error = await ask(engine, request(requestOf(member, 1))).catch(String);
    expect(error).toContain("not now");
    expect(stand.lender.live()).toEqual([]);
  });
});
