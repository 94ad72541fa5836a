import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { meshApi } from "../../../../src/mesh/api/mesh-api.ts";
import { MeshError } from "../../../../src/mesh/api/mesh-control.ts";
import { RemoteEndError } from "../../../../src/mesh/api/remote-end.ts";
import { FakeControl } from "./fake-control.ts";

const KEY = Buffer.alloc(32, 7).toString("base64");
const THEIRS = Buffer.alloc(32, 8).toString("base64");
const ABOUT = {
  ...{ network: "x", peer: "mill", lease: "0123456789abcdef".repeat(2), interface: "omq0" },
  ...{ publicKey: KEY, listenPort: 4_000, peerKey: THEIRS },
};

/** A program that has the end of a tunnel led, with what it was told so far. */
function program() {
  const mesh = new FakeControl();
  const time = new VirtualTime();
  const app = meshApi(mesh, time);
  const post = (path: string, body: unknown) =>
    app.request(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  async function lead() {
    const response = await post("/v1/tunnels/led", ABOUT);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let rest = "";
    const line = async (): Promise<Record<string, unknown> | undefined> => {
      while (!rest.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) return undefined;
        rest += Buffer.from(value).toString();
      }
      const [first = "", ...others] = rest.split("\n");
      rest = others.join("\n");
      return JSON.parse(first) as Record<string, unknown>;
    };
    const id = String((await line())?.led);
    const [led] = mesh.led.slice(-1);
    if (!led) throw new Error("it was not asked for");
    const answer = async (body: unknown) => (await post(`/v1/tunnels/led/${id}`, body)).status;
    return { line, answer, led, end: led.request.end, leave: () => reader.cancel() };
  }
  return { mesh, time, post, lead };
}

describe("A tunnel's end that a program has", () => {
  test("is told where to send to and when, and answers with what WireGuard knows", async () => {
    const { line, answer, end, led } = await program().lead();
    expect(led.request).toMatchObject({ network: "x", peer: "mill", lease: ABOUT.lease });
    expect([end.name, end.publicKey, end.listenPort, end.peerKey]).toEqual(["omq0", KEY, 4_000, THEIRS]);
    const endpoint = { address: "198.51.100.2", port: 5_000 };
    const pointed = end.setPeer({ publicKey: THEIRS, fresh: true, endpoint });
    expect(await line()).toEqual({ order: 1, do: "point", endpoint, fresh: true });
    expect(await answer({ order: 1 })).toBe(200);
    await pointed;
    const stirred = end.stir();
    expect(await line()).toEqual({ order: 2, do: "stir" });
    const counts = { handshakeAt: 5, receivedBytes: 6, sentBytes: 7 };
    await answer({ order: 2, peer: { ...counts, endpoint } });
    expect(await stirred).toEqual({ listenPort: 4_000, peer: { ...counts, endpoint, publicKey: THEIRS } });
    const looked = end.status();
    expect(await line()).toEqual({ order: 3, do: "look" });
    await answer({ order: 3 });
    expect(await looked).toBeUndefined();
  });

  test("is let go when the program goes, and the program hears when it is over", async () => {
    const { lead } = program();
    const left = await lead();
    await left.leave();
    expect(left.led.over.aborted).toBe(true);
    const ended = await lead();
    ended.led.end("the lease is over");
    expect(await ended.line()).toBeUndefined();
    expect(ended.led.over.aborted).toBe(true);
    expect(await ended.answer({ order: 1 })).toBe(404);
  });

  test("is not waited for at all once the program has gone: a box that stops would, for each lease", async () => {
    const { time, lead } = program();
    const { line, end, leave } = await lead();
    const asked = end.stir().catch((error: unknown) => error);
    await line();
    await leave();
    expect(await asked).toBeInstanceOf(RemoteEndError);
    expect(await end.stir().catch((error: unknown) => error)).toBeInstanceOf(RemoteEndError);
    expect(time.waiting).toBe(0);
  });

  test("is not waited for for ever, and what nobody has ordered is no answer", async () => {
    const { time, lead } = program();
    const { answer, end } = await lead();
    const late = end.stir().catch((error: unknown) => error);
    await time.advanceAsync(5_000);
    expect(await late).toBeInstanceOf(RemoteEndError);
    expect(await answer({ order: 1 })).toBe(404);
    const all = Array.from({ length: 17 }, () => end.status().catch((error: unknown) => error));
    expect(await all.at(-1)).toBeInstanceOf(RemoteEndError);
    await time.advanceAsync(5_000);
    await Promise.all(all);
    expect(time.waiting).toBe(0);
  });

  test("is refused with the field that is wrong, and with the mesh's own words", async () => {
    const { mesh, post } = program();
    for (const [field, value] of [
      ["lease", "a"],
      ["publicKey", "x"],
      ["peerKey", "x"],
      ["listenPort", 0],
      ["interface", "longer than any is"],
    ] as const) {
      const response = await post("/v1/tunnels/led", { ...ABOUT, [field]: value });
      expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([
        400,
        expect.stringContaining(field),
      ]);
    }
    mesh.failure = new MeshError("peer: no member is called mill", "unknown");
    const response = await post("/v1/tunnels/led", ABOUT);
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: "peer: no member is called mill" },
    ]);
  });
});
