import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createServer, connect as dial, type Server } from "node:net";
import { signingKey } from "../../../../src/identity/index.ts";
import { LeaseAnswerError } from "../../../../src/requester/lease-answers.ts";
import { LeaseSealed } from "../../../../src/requester/lease-sealed.ts";
import type { ProviderNews } from "../../../../src/requester/lease-transport.ts";
import type { Source } from "../../../../src/vm/admission/index.ts";
import { openCheckpointAsk, signCheckpointAsk } from "../../../../src/vm/checkpoint/index.ts";
import { type AskedCheckpoints, LeaseServer } from "../../../../src/vm/wire/index.ts";
import { inviteBy } from "../../identity/network.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf } from "../admission/fixed-case.ts";
import { eventually } from "../lending/played-ground.ts";
import { fixedRequest, hex } from "../request/fixed-request.ts";
import { joined, lendingToMembers, quietLog, random, releaseOf, requestOf } from "./members.ts";

const scratch = scratchFolders();

/** Passes on what comes, and keeps what it sees. */
async function spyBefore(port: number): Promise<{ seen: Buffer[]; port: number; server: Server }> {
  const seen: Buffer[] = [];
  const server = createServer((near) => {
    const far = dial(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (chunk: Buffer) => {
        seen.push(Buffer.from(chunk));
        to.write(chunk);
      });
      from.on("close", () => to.destroy());
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { seen, port: address.port, server };
}

describe("a member of a network who asks a box by HTTP", () => {
  let folder = "";
  let stand: ReturnType<typeof lendingToMembers>;
  let server: LeaseServer;
  let port = 0;
  beforeEach(async () => {
    folder = scratch();
    stand = lendingToMembers(folder);
    await stand.lender.start();
    server = new LeaseServer({
      desk: stand.desk,
      log: quietLog,
      listen: [{ address: "127.0.0.1", port: 0 }],
    });
    server.start();
    [port = 0] = server.ports;
  });
  afterEach(async () => {
    await server.stop();
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });
  const wayOf = (passport: ConstructorParameters<typeof LeaseSealed>[0]["passport"], at = port) =>
    new LeaseSealed({
      ...{ passport, randomBytes: random, log: quietLog },
      base: new URL(`http://127.0.0.1:${at}/`),
    });

  test("gets a machine, hears of it to its end, and is given certificates that last", async () => {
    const { member } = joined(folder, stand.network, "requester", { expiresS: 3_600 });
    const way = wayOf(member);
    expect(await way.box()).toBe(hex(stand.network.publicKey));
    const told: ProviderNews[] = [];
    const stop = way.events(idOf(1), (news) => told.push(news));
    expect(await way.request(requestOf(member, 1))).toMatchObject({ is: "admitted" });
    expect(member.self.expiresAt).toBe(0);
    await eventually("it runs", () => told.some(({ is }) => is === "running"));
    // By which SSH knows that it is this machine, and nobody between could have put in another.
    expect(told.find(({ is }) => is === "running")).toMatchObject({
      hostKey: expect.stringMatching(/^ssh-ed25519 /),
    });
    expect(await way.command(releaseOf(member, 1))).toEqual({ is: "done" });
    await eventually("its end", () => told.at(-1)?.is === "ended");
    stop();
    expect(await way.command(releaseOf(member, 1))).toMatchObject({ is: expect.any(String) });
  });

  test("lets nobody on the way see which network it is, who asks, for what, or what becomes of it", async () => {
    const spy = await spyBefore(port);
    const { member } = joined(folder, stand.network);
    const way = wayOf(member, spy.port);
    const told: ProviderNews[] = [];
    const stop = way.events(idOf(1), (news) => told.push(news));
    const chain = member.chain();
    expect(await way.request(requestOf(member, 1))).toMatchObject({ is: "admitted" });
    await eventually("it runs", () => told.some(({ is }) => is === "running"));
    await way.command(releaseOf(member, 1));
    stop();
    spy.server.close();
    const all = Buffer.concat(spy.seen);
    expect(all.length).toBeGreaterThan(2_000);
    // That the spy sees what is there to be seen.
    expect(all.includes("/v1/sealed")).toBe(true);
    const secrets = [
      Buffer.from(member.id, "hex"),
      Buffer.from(member.networkKey),
      Buffer.from(member.publicKey),
      Buffer.from(chain.subarray(8, 40)),
      Buffer.from(idOf(1), "hex"),
      Buffer.from(fixedRequest().activity),
      Buffer.from("admitted"),
      Buffer.from("running"),
      Buffer.from("Harbour"),
    ];
    for (const secret of secrets)
      for (const form of [
        secret,
        Buffer.from(secret.toString("hex")),
        Buffer.from(secret.toString("base64")),
      ])
        expect(all.includes(form)).toBe(false);
  });

  test("is told by a box of another network that it cannot read that", async () => {
    const other = lendingToMembers(scratch());
    const { member } = joined(folder, other.network);
    const way = wayOf(member);
    expect(await way.box()).toBeUndefined();
    expect(await way.request(requestOf(member, 1))).toMatchObject({ is: "refused" });
    const error = await way.command(releaseOf(member, 1)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LeaseAnswerError);
    other.store.close();
    other.journal.close();
  });

  test("is heard by a shared key that was changed since, and by an older one where the box has no newer", async () => {
    const { member } = joined(folder, stand.network);
    stand.network.rotate();
    expect(await wayOf(member).box()).toBe(hex(stand.network.publicKey));
    const own = stand.network.sharedKeys();
    const newer = new Uint8Array(32).fill(9);
    const ahead = { chain: () => member.chain(), take: () => false, sharedKeys: () => [newer, ...own] };
    expect(await wayOf(ahead).box()).toBe(hex(stand.network.publicKey));
  });

  test("believes nobody between who answers in the box's place, or shows an old answer", async () => {
    const { member } = joined(folder, stand.network);
    const answers: Uint8Array[] = [];
    const liar = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        if (answers.length === 0) return Response.json({ is: "admitted", tunnel: { publicKey: "" } });
        await request.arrayBuffer();
        return new Response(Uint8Array.from(answers[0] ?? []));
      },
    });
    const way = wayOf(member, liar.port);
    const lie = await way.request(requestOf(member, 1)).catch((reason: unknown) => reason);
    expect(lie).toBeInstanceOf(LeaseAnswerError);
    const spy = await spyBefore(port);
    expect(await wayOf(member, spy.port).command(releaseOf(member, 1))).toEqual({ is: "unknown" });
    const heard = Buffer.concat(spy.seen);
    answers.push(heard.subarray(heard.lastIndexOf("\r\n\r\n") + 4));
    const old = await way.command(releaseOf(member, 1)).catch((reason: unknown) => reason);
    expect(old).toBeInstanceOf(LeaseAnswerError);
    await liar.stop(true);
    spy.server.close();
  });

  test("asks one box alone, so that what was recorded on the way is worth nothing at the network's others", async () => {
    const { member } = joined(folder, stand.network);
    const [key] = [await wayOf(member).box()];
    const other = lendingToMembers(scratch());
    // Another box of the same network.
    const fellow = other.box.memberships.join(inviteBy(stand.network)).membership;
    const elsewhere = new LeaseServer({
      ...{ desk: other.desk, log: quietLog, listen: [{ address: "127.0.0.1", port: 0 }] },
    });
    elsewhere.start();
    const spy = await spyBefore(port);
    const asked = requestOf(member, 1, {}, key);
    expect(await wayOf(member, spy.port).request(asked)).toMatchObject({ is: "admitted" });
    const there = wayOf(member, elsewhere.ports[0]);
    expect(await there.box()).toBe(hex(fellow.publicKey));
    expect(await there.request(asked)).toEqual({ is: "refused", why: "request.provider: is another box" });
    const heard = Buffer.concat(spy.seen);
    const sealed = heard.subarray(heard.indexOf("\r\n\r\n") + 4, heard.indexOf("HTTP/1.1 200"));
    const again = await fetch(`http://127.0.0.1:${elsewhere.ports[0]}/v1/sealed`, {
      ...{ method: "POST", body: Uint8Array.from(sealed) },
    });
    expect(again.status).toBe(200);
    expect(other.lender.live()).toEqual([]);
    spy.server.close();
    await elsewhere.stop();
    other.store.close();
    other.journal.close();
  });

  test("offers a saved machine as a member, and as nobody else", async () => {
    const { member } = joined(folder, stand.network);
    const key = signingKey(member.seed);
    const requester = hex(key.publicKey);
    const sources: [string, Source][] = [];
    const played: Pick<AskedCheckpoints, "offer"> = {
      offer: async (bytes, source) => {
        sources.push([openCheckpointAsk(bytes).requester, source]);
        return { is: "refused", why: "there is no room for it" };
      },
    };
    const own = new LeaseServer({
      ...{ desk: stand.desk, log: quietLog, listen: [{ address: "127.0.0.1", port: 0 }] },
      checkpoints: () => played as AskedCheckpoints,
    });
    own.start();
    const way = wayOf(member, own.ports[0]);
    const ask = signCheckpointAsk({ kind: "fetch", requester, checkpoint: idOf(1) }, key);
    expect(JSON.parse(await way.offer(ask))).toEqual({ is: "refused", why: "there is no room for it" });
    expect(sources).toEqual([
      [requester, { address: "127.0.0.1", local: false, networks: [member.id], reputation: 50 }],
    ]);
    expect(JSON.parse(await way.offer(Uint8Array.of(1)))).toMatchObject({ is: "refused" });
    // A box that saves none says so.
    expect(JSON.parse(await wayOf(member).offer(ask))).toMatchObject({ is: "refused" });
    expect(sources).toHaveLength(1);
    await own.stop();
  });

  test("that seals what is no ask is told no more than a stranger", async () => {
    const bodies = [new Uint8Array(0), new Uint8Array(40), random(200), new Uint8Array(6_300)];
    const statuses = await Promise.all(
      bodies.map(async (body) => {
        const response = await fetch(`http://127.0.0.1:${port}/v1/sealed`, { method: "POST", body });
        const text = await response.text();
        expect(text).not.toContain(stand.network.id);
        return response.status;
      }),
    );
    expect(statuses).toEqual([403, 403, 403, 413]);
  });
});
