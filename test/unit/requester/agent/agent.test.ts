import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../../../src/host/wireguard-key.ts";
import { signingKey } from "../../../../src/identity/index.ts";
import { RequesterAgent } from "../../../../src/requester/agent/agent.ts";
import { AgentClient } from "../../../../src/requester/agent/agent-client.ts";
import type { AgentLine, AgentWish } from "../../../../src/requester/agent/agent-wire.ts";
import { ProviderError } from "../../../../src/requester/index.ts";
import { describeNeeding } from "../../../needs.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import { PlayedGround } from "../played-ground.ts";
import { PlayedProvider } from "../played-provider.ts";

// Sockets and programs take what they take on a busy machine.
setDefaultTimeout(30_000);

const scratch = scratchFolders();
const TUNNEL_KEY = wireGuardPublicKey(makeWireGuardKey());
const LINE = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from("ssh-ed25519"),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString("base64")}`;
const WISH: AgentWish = {
  provider: "box",
  resources: { cpus: 1, memoryMiB: 256, diskMiB: 0 },
  ...{ durationS: 600, image: "small", activity: "to try it", acceptsInspection: false, isHeld: false },
  key: { line: LINE, identity: "/home/somebody/key" },
};

/** A ground by whose way to a machine SSH answers. */
class AnsweringGround extends PlayedGround {
  override proxy(): readonly string[] {
    return ["printf", "SSH-2.0-played\\r\\n"];
  }
}

const running: RequesterAgent[] = [];
afterEach(async () => {
  for (const agent of running.splice(0)) await agent.stop();
});

async function stand(
  folder = scratch(),
  provider = new PlayedProvider(TUNNEL_KEY),
  more: Partial<ConstructorParameters<typeof RequesterAgent>[0]> = {},
) {
  const folders = { state: join(folder, "state"), run: join(folder, "run") };
  const ground = new AnsweringGround();
  const time = new VirtualTime();
  const idle = { times: 0 };
  const { log } = capturedLog();
  const agent = new RequesterAgent({
    ...{ folders, ground, log, clock: time, timers: time },
    ways: {
      choose: async (named) => {
        if (named === undefined) throw new ProviderError("no box is named");
        return [{ name: named }];
      },
      transportTo: () => provider,
    },
    proxyCommand: (lease) => ["proxy", lease],
    onIdle: () => {
      idle.times += 1;
    },
    ...more,
  });
  await agent.start();
  running.push(agent);
  return { agent, folders, ground, provider, time, idle, client: new AgentClient(folders) };
}

/** Reads steps until one of a name has come. */
async function until(name: string, lines: AsyncGenerator<AgentLine>): Promise<AgentLine> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} never came`);
    if (value.step.name === name) return value;
  }
}
const isTrue = async (what: () => boolean | Promise<boolean>) => {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await what()) return;
    await Bun.sleep(10);
  }
  throw new Error(`waited in vain for ${what}`);
};

describe("A requester's agent", () => {
  test("tells of a lease from its request to SSH, lists it, says how to get in, and gives it back", async () => {
    const { client, provider, folders } = await stand();
    const lines = await client.request(WISH);
    const { lease } = await until("ssh", lines);
    expect(lease).toMatchObject({ provider: "box", phase: "ready", activity: "to try it", durationS: 600 });
    expect((await client.list()).leases).toEqual([lease]);
    const { host, options } = await client.access(lease.id.slice(0, 6));
    expect(host).toBe(`omerta-${lease.id.slice(0, 8)}`);
    expect(options).toContainEqual(["IdentityFile", '"/home/somebody/key"']);
    expect(options).toContainEqual(["ProxyCommand", `'proxy' '${lease.id}'`]);
    expect(options).toContainEqual(["StrictHostKeyChecking", "accept-new"]);
    expect(await client.proxy(lease.id, 22)).toEqual({
      address: lease.address,
      command: ["printf", "SSH-2.0-played\\r\\n"],
    });
    await client.release(lease.id);
    expect((await until("ended", lines)).lease).toMatchObject({ phase: "ended", outcome: "released" });
    expect(provider.leases.size).toBe(0);
    await isTrue(async () => (await client.list()).leases.length === 0);
    expect(readdirSync(join(folders.state, "leases"))).toEqual([]);
  });

  test("asks the next box when one refuses or does not answer, and gives back what that may have lent", async () => {
    const [full, mute, roomy, spare] = [0, 0, 0, 0].map(() => new PlayedProvider(TUNNEL_KEY));
    if (!full || !mute || !roomy || !spare) throw new Error("four boxes");
    const boxes = new Map(Object.entries({ full, mute, roomy, spare }));
    full.answer = { is: "refused", why: "All that this box lends is lent." };
    // It takes the request, and its answer is lost.
    mute.broken = "back";
    const { client, time } = await stand(scratch(), roomy, {
      ways: {
        choose: async () => [{ name: "full" }, { name: "mute" }, { name: "roomy" }, { name: "spare" }],
        transportTo: (name) => boxes.get(name) ?? roomy,
      },
    });
    let isLent = false;
    const asking = client.request({ ...WISH, provider: "any" }).then((lines) => {
      isLent = true;
      return lines;
    });
    await isTrue(() => {
      time.advance(500);
      return isLent;
    });
    const { lease } = await until("ssh", await asking);
    expect(lease.provider).toBe("roomy");
    expect([full, mute, roomy, spare].map(({ requests }) => requests.length > 0)).toEqual([
      ...[true, true, true, false],
    ]);
    mute.broken = "no";
    await isTrue(() => {
      time.advance(500);
      return mute.leases.size === 0;
    });
  });

  test("asks as a member by the key that it has in the network, and is obeyed by it after a restart too", async () => {
    const key = signingKey(new Uint8Array(32).fill(5));
    const folder = scratch();
    const provider = new PlayedProvider(TUNNEL_KEY);
    const network = "0123456789abcdef";
    const member = {
      ways: {
        choose: async () => [{ name: "box", network, title: "quay" }] as const,
        transportTo: () => provider,
      },
      keyIn: (id: string) => (id === network ? key : undefined),
    };
    const first = await stand(folder, provider, member);
    const { lease } = await until("ssh", await first.client.request(WISH));
    expect(lease.provider).toBe("quay");
    const [request] = provider.requests;
    expect(request).toMatchObject({ network, requester: Buffer.from(key.publicKey).toString("hex") });
    // A copy of what a killed one leaves.
    const other = scratch();
    cpSync(join(folder, "state"), join(other, "state"), { recursive: true });
    await stand(other, provider, member).then(({ client }) => client.release(lease.id));
    await isTrue(() => provider.leases.size === 0);
    expect(provider.commands.at(-1)).toMatchObject({ kind: "release", requester: request?.requester });
  });

  test("keeps its state and its socket to its user", async () => {
    const { folders } = await stand();
    for (const path of [join(folders.state, "requester.json"), join(folders.run, "agent.sock")])
      expect(statSync(path).mode & 0o077).toBe(0);
  });

  test("takes the machine's own key from its provider, and from then on no other", async () => {
    const { client, provider, folders } = await stand();
    const lines = await client.request(WISH);
    const { lease } = await until("ssh", lines);
    provider.tell(lease.id, { is: "running", hostKey: LINE });
    await until("running", lines);
    expect((await client.access(lease.id)).options).toContainEqual(["StrictHostKeyChecking", "yes"]);
    const known = readFileSync(join(folders.state, "leases", lease.id, "known_hosts"), "utf8");
    expect(known).toBe(`omerta-${lease.id} ${LINE}\n`);
    expect((await client.list()).leases[0]?.runsSince).toBeDefined();
  });

  test("gives back what nobody holds any more, and not what its holder comes back to", async () => {
    const { client, provider, time } = await stand();
    const leave = new AbortController();
    const { lease } = await until("ssh", await client.request({ ...WISH, isHeld: true }, leave.signal));
    leave.abort();
    await Bun.sleep(100);
    const back = new AbortController();
    await until("ssh", await client.follow(lease.id, true, back.signal));
    await time.advanceAsync(20_000);
    expect(provider.leases.size).toBe(1);
    back.abort();
    await isTrue(async () => {
      await time.advanceAsync(1_000);
      return provider.leases.size === 0;
    });
  });

  test("who only looks holds nothing", async () => {
    const { client, provider, time } = await stand();
    const { lease } = await until("ssh", await client.request(WISH));
    const looking = new AbortController();
    await until("ssh", await client.follow(lease.id, false, looking.signal));
    looking.abort();
    await Bun.sleep(100);
    await time.advanceAsync(60_000);
    expect(provider.leases.size).toBe(1);
  });

  test("the next one takes up what a killed one left, and what nobody has any more it forgets", async () => {
    const first = await stand();
    const { lease } = await until("ssh", await first.client.request(WISH));
    const copy = scratch();
    cpSync(first.folders.state, join(copy, "state"), { recursive: true });
    const second = await stand(copy, first.provider);
    expect((await second.client.list()).leases.map(({ id }) => id)).toEqual([lease.id]);
    await until("ssh", await second.client.follow(lease.id, false));
    expect(first.provider.requests).toHaveLength(1);
    expect(first.provider.kinds()).not.toContain("release");

    first.provider.leases.clear();
    const late = scratch();
    cpSync(first.folders.state, join(late, "state"), { recursive: true });
    const third = await stand(late, first.provider);
    await isTrue(async () => (await third.client.list()).leases.length === 0);
  });

  test("names the field of a wish that does not hold, and keeps nothing of it", async () => {
    const { client, folders } = await stand();
    const wrong: [Partial<AgentWish>, string][] = [
      [{ durationS: 0 }, "request.durationS"],
      [{ image: "../x" }, "request.image"],
      [{ key: { line: "x", identity: "y" } }, "request.sshKey"],
      [{ heardAt: "nowhere" }, "request.tunnel.endpoint.address"],
    ];
    for (const [change, field] of wrong)
      await expect(client.request({ ...WISH, ...change })).rejects.toMatchObject({ field });
    const { provider: _, ...unnamed } = WISH;
    await expect(client.request(unnamed)).rejects.toThrow("no box is named");
    expect((await client.list()).leases).toEqual([]);
    expect(readdirSync(join(folders.state, "leases"))).toEqual([]);
  });

  test("knows no lease by an id that none or several begin with", async () => {
    const { client } = await stand();
    await expect(client.access("0")).rejects.toThrow("no virtual machine's id begins with 0");
    for (let count = 0; count < 17; count += 1) await until("ssh", await client.request(WISH));
    const { leases } = await client.list();
    const firsts = leases.map(({ id }) => id.slice(0, 1));
    const twice = firsts.find((one, place) => firsts.indexOf(one) !== place) ?? "";
    await expect(client.access(twice)).rejects.toThrow("several");
  });

  test("says why no VPN can be served, and tries again the next time", async () => {
    const { client, ground } = await stand();
    ground.failing = "nft -j -f";
    await expect(client.request(WISH)).rejects.toThrow(/the VPN for virtual machines cannot be served: nft/);
    expect(ground.ended).toBe(1);
    ground.failing = undefined;
    await until("ssh", await client.request(WISH));
  });

  test("is idle when nothing is borrowed, and only then", async () => {
    const { client, time, idle } = await stand();
    await time.advanceAsync(4_000);
    expect(idle.times).toBe(0);
    const { lease } = await until("ssh", await client.request(WISH));
    await time.advanceAsync(60_000);
    expect(idle.times).toBe(0);
    await client.release(lease.id);
    await isTrue(async () => (await client.list()).leases.length === 0);
    await time.advanceAsync(10_000);
    expect(idle.times).toBeGreaterThan(0);
  });

  test("gives everything back when it is stopped", async () => {
    const { agent, client, provider, ground } = await stand();
    await until("ssh", await client.request(WISH));
    await agent.stop();
    expect(provider.leases.size).toBe(0);
    expect(ground.ended).toBe(1);
  });
});

describeNeeding(["program:ssh-keygen"], "A requester's agent without a key of its user's", () => {
  test("makes one for each lease, which is gone with it", async () => {
    const { client, provider, folders } = await stand();
    const { key: _, ...wish } = WISH;
    const lines = await client.request(wish);
    const { lease } = await until("ssh", lines);
    const file = join(folders.state, "leases", lease.id, "key");
    expect(statSync(file).mode & 0o077).toBe(0);
    const [type, base64] = readFileSync(`${file}.pub`, "utf8").split(" ");
    expect(provider.requests[0]?.sshKey).toBe(`${type} ${base64?.trim()}`);
    expect((await client.access(lease.id)).options).toContainEqual(["IdentityFile", `"${file}"`]);
    await client.release(lease.id);
    await isTrue(() => !existsSync(file));
  });
});
