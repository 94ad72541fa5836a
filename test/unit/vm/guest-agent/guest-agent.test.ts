import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { GuestAgent } from "../../../../src/vm/guest-agent/guest-agent.ts";
import { GuestAgentError } from "../../../../src/vm/guest-agent/guest-agent-error.ts";
import { hostKeyFrom } from "../../../../src/vm/guest-agent/host-key.ts";
import type { GuestPreparation } from "../../../../src/vm/guest-agent/preparation.ts";
import { scratchFolders } from "../../scratch.ts";
import { FakeGuest } from "./fake-guest.ts";

const scratch = scratchFolders();
const HOST_KEY = hostKeyFrom(new Uint8Array(32).fill(3));
const PREPARATION: GuestPreparation = {
  seed: new Uint8Array(32).fill(7),
  timeMs: 1_800_000_000_000,
  dns: undefined,
  sshKey: "ssh-ed25519 AAAA",
  hostKey: HOST_KEY,
};

describe("a guest's agent as the host speaks with it", () => {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  const meet = (answer: (request: string) => string | undefined, options = {}) => {
    const path = join(scratch(), "agent");
    const guest = new FakeGuest(path, answer);
    const agent = new GuestAgent(path, options);
    ends.push(
      () => agent.close(),
      () => guest.stop(),
    );
    return { guest, agent, path };
  };
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  const commands = (guest: FakeGuest) => guest.heard.map((request) => request.split(" ")[0] ?? "");

  test("it tells what it is", async () => {
    const { agent } = meet(() => "ok 1 abc123 3310");
    expect(await agent.hello()).toEqual({ version: "abc123", uptimeMs: 3_310 });
  });

  test("one that speaks something else is not spoken with", async () => {
    const { agent } = meet(() => "ok 2 abc123 3310");
    expect(await failure(agent.hello())).toEqual(new GuestAgentError("hello", "it speaks 2, not 1"));
  });

  test("it is waited for until its line is there", async () => {
    const path = join(scratch(), "agent");
    const time = new VirtualTime();
    const agent = new GuestAgent(path, { timers: time });
    const hello = agent.hello();
    // Tries that find nothing.
    await time.runUntilAsync(() => time.monotonicMs() >= 500, 500);
    const guest = new FakeGuest(path, () => "ok 1 abc 1");
    ends.push(
      () => agent.close(),
      () => guest.stop(),
    );
    let answered = false;
    void hello.then(() => {
      answered = true;
    });
    while (!answered) await time.runUntilAsync(() => answered, 25);
    expect(time.monotonicMs()).toBeLessThan(60_000);
  });

  test("a line that does not come is an error in its time", async () => {
    const time = new VirtualTime();
    const agent = new GuestAgent(join(scratch(), "agent"), { timers: time });
    let error: unknown;
    void failure(agent.ping(1_000)).then((caught) => {
      error = caught;
    });
    while (error === undefined) await time.runUntilAsync(() => error !== undefined, 25);
    expect(error).toBeInstanceOf(GuestAgentError);
    expect(time.monotonicMs()).toBeWithin(900, 1_100);
  });

  test("SSH is asked for when all before it has been answered", async () => {
    let sshAfter = -1;
    let answered = 0;
    const { guest, agent } = meet((request) => {
      if (request === "ssh") sshAfter = answered;
      answered += 1;
      return "ok";
    });
    expect(await agent.prepare(PREPARATION)).toEqual({ hostKey: HOST_KEY.publicKey });
    expect(commands(guest)).toEqual(["seed", "time", "dns", "key", "hostkey", "ssh"]);
    expect(sshAfter).toBe(5);
  });

  test("SSH is not asked for when anything before it has failed, and the first of these is named", async () => {
    for (const failing of ["seed", "time", "dns", "key", "hostkey"]) {
      const { guest, agent } = meet((request) => (request.startsWith(failing) ? "no it cannot" : "ok"));
      expect(await failure(agent.prepare(PREPARATION))).toEqual(new GuestAgentError(failing, "it cannot"));
      expect(commands(guest)).not.toContain("ssh");
    }
  });

  test("the key that the guest has made is told, and anything else is not taken for one", async () => {
    const { guest, agent } = meet((request) => (request === "hostkey" ? `ok ${HOST_KEY.publicKey}` : "ok"));
    expect(await agent.prepare({ ...PREPARATION, hostKey: undefined })).toEqual({
      hostKey: HOST_KEY.publicKey,
    });
    guest.answer = () => "ok";
    expect(await failure(agent.prepare({ ...PREPARATION, hostKey: undefined }))).toMatchObject({
      step: "hostkey",
    });
  });

  test("a machine that goes on from a file gets randomness and the time, and keeps the rest", async () => {
    const { guest, agent } = meet(() => "ok");
    await agent.refresh(PREPARATION);
    expect(commands(guest)).toEqual(["seed", "time"]);
  });

  test("what is not answered is an error in its time, and a late answer is nobody's", async () => {
    const time = new VirtualTime();
    const { guest, agent } = meet(() => undefined, { timers: time, firstNumber: 5 });
    const asked = failure(agent.ping(2_000));
    await guest.hasHeard(1);
    time.advance(2_000);
    expect(await asked).toEqual(new GuestAgentError("ping", "no answer in 2000 ms"));
    guest.say("5 no too late\n");
    guest.answer = () => "ok";
    await agent.ping();
  });

  test("answers to what nobody asked, and lines that are none, change nothing", async () => {
    const { guest, agent } = meet(() => undefined, { firstNumber: 10 });
    const asked = agent.ping();
    await guest.hasHeard(1);
    guest.say("9 no\n11 no\n10\n10 maybe\n\0\xff\n010 no\n10 ok\n");
    await asked;
  });

  test("after a restore the line is another one, and is found by itself", async () => {
    const { guest, agent } = meet((request) => (request === "ping" ? undefined : "ok"));
    const lost = failure(agent.ping());
    await guest.hasHeard(1);
    guest.hangUp();
    expect(await lost).toEqual(new GuestAgentError("ping", "its line has ended"));
    guest.answer = () => "ok";
    await agent.ping();
    expect(guest.connections).toBe(2);
  });

  test("who waits for a line that is closed gets an error, and so does who asks later", async () => {
    const { guest, agent } = meet(() => undefined);
    const waiting = failure(agent.ping());
    await guest.hasHeard(1);
    agent.close();
    expect(await waiting).toEqual(new GuestAgentError("ping", "it was closed"));
    expect(await failure(agent.ping())).toEqual(new GuestAgentError("ping", "it was closed"));
  });

  test("a guest that floods its line is read at a walk, and is still heard", async () => {
    const time = new VirtualTime();
    const { guest, agent } = meet(() => undefined, { timers: time, firstNumber: 1 });
    const asked = failure(agent.ping(1_000_000));
    await guest.hasHeard(1);
    let taken = 0;
    guest.flood(`${"1 maybe ".repeat(500)}\n`, (bytes) => {
      taken += bytes;
    });
    // The time does not pass, so no more is read than at once; the rest of it is what the kernel keeps.
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBeLessThan(4_194_304);
    const atOnce = taken;
    // With the time what it says is read on, and with it the answer.
    await time.advanceAsync(10_000);
    while (taken === atOnce) await new Promise((resolve) => setImmediate(resolve));
    guest.flood("\n1 ok\n", () => {});
    let answered = false;
    void asked.then(() => {
      answered = true;
    });
    while (!answered) await time.advanceAsync(1_000);
    expect(await asked).toBeUndefined();
  });

  test("what a guest gives as its reason is cut", async () => {
    const { agent } = meet(() => `no ${"x".repeat(3_000)}`);
    expect(await failure(agent.ping())).toEqual(new GuestAgentError("ping", "x".repeat(200)));
  });
});
