import { describe, expect, test } from "bun:test";
import { meshApi } from "../../../../src/mesh/api/mesh-api.ts";
import { MeshError } from "../../../../src/mesh/api/mesh-control.ts";
import { scratchFolders } from "../../scratch.ts";
import { FakeEngines } from "../fake-engine.ts";
import { VirtualNetwork } from "../paths/virtual-network.ts";
import { deskBox, meet, networkOf } from "./desk-box.ts";
import { FakeControl } from "./fake-control.ts";

const scratch = scratchFolders();
const LEASE = "/omerta/lease/1";
const request = (rest: object = {}) => ({
  ...{ network: "", peer: "mill", protocol: "lease" as const, frame: Uint8Array.of(1, 2) },
  ...rest,
});
const never = new AbortController().signal;

/** A box and a member of its network, whose engines reach each other. */
async function pair() {
  const virtual = new VirtualNetwork();
  const engines = new FakeEngines();
  const [a, b] = [deskBox(scratch(), virtual, "quay", engines), deskBox(scratch(), virtual, "mill", engines)];
  await a.desk.found("Harbour");
  await b.desk.join(a.desk.invite("", { role: "box", once: false, hours: 0 }).link);
  const [na, nb] = [networkOf(a), networkOf(b)];
  meet(na, nb);
  return { a, na, nb, connect: () => engines.connect(na.engine, nb.engine) };
}

async function all(frames: AsyncIterable<Uint8Array>): Promise<number[][]> {
  const got: number[][] = [];
  for await (const frame of frames) got.push([...frame]);
  return got;
}

describe("a program's stream to a member", () => {
  test("brings the one frame there, and what is answered back, until the member has said all", async () => {
    const { a, na, nb, connect } = await pair();
    connect();
    const heard: number[][] = [];
    nb.engine.handle(
      LEASE,
      async (stream) => {
        for await (const frame of stream.frames()) {
          heard.push([...frame]);
          break;
        }
        for (const said of [3, 4]) await stream.send(Uint8Array.of(said));
      },
      {},
    );
    expect(await all(await a.desk.exchange(request(), never))).toEqual([[3], [4]]);
    expect(heard).toEqual([[1, 2]]);
    await Bun.sleep(0);
    expect(na.engine.openStreams + nb.engine.openStreams).toBe(0);
  });

  test("ends at both ends when the program goes", async () => {
    const { a, na, nb, connect } = await pair();
    connect();
    const ended = Promise.withResolvers<string>();
    nb.engine.handle(LEASE, async (stream) => {
      await stream.send(Uint8Array.of(9));
      try {
        for await (const _ of stream.frames());
      } catch (error) {
        ended.resolve(String(error));
      }
    });
    const over = new AbortController();
    const frames = await a.desk.exchange(request(), over.signal);
    const reading = all(frames).catch((error: unknown) => String(error));
    over.abort();
    expect(await ended.promise).toContain("the program has gone");
    expect(await reading).toContain("the program has gone");
    await Bun.sleep(0);
    expect(na.engine.openStreams + nb.engine.openStreams).toBe(0);
  });

  test("is refused with what is wrong: nobody of that name, nobody who answers, a member who lends nothing", async () => {
    const { a, connect } = await pair();
    const kind = (rest: object) =>
      a.desk.exchange(request(rest), never).then(
        () => "opened",
        (error: unknown) => (error instanceof MeshError ? error.kind : String(error)),
      );
    expect(await kind({ peer: "nobody" })).toBe("unknown");
    expect(await kind({ network: "Valley" })).toBe("unknown");
    expect(await kind({})).toBe("failed");
    connect();
    expect(await kind({})).toBe("failed");
  });

  test("is one of so many: a program that opens ever more is told so", async () => {
    const { a, nb, connect } = await pair();
    connect();
    nb.engine.handle(LEASE, () => new Promise(() => {}), { maxStreams: 1_000 });
    const over = new AbortController();
    const open = await Promise.all(
      Array.from({ length: 128 }, () => a.desk.exchange(request(), over.signal)),
    );
    expect(await a.desk.exchange(request(), never).catch(String)).toContain("as many as they may have");
    const ends = open.map((frames) => all(frames).catch(String));
    over.abort();
    await Promise.all(ends);
    const next = new AbortController();
    await a.desk.exchange(request(), next.signal);
    next.abort();
  });
});

describe("by the mesh's socket", () => {
  const post = (mesh: FakeControl, body: object) =>
    meshApi(mesh).request("/v1/streams", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const asked = { network: "", peer: "mill", protocol: "lease", frame: "AQI=" };

  test("each frame is a line, and an error at the end is one too", async () => {
    const mesh = new FakeControl();
    mesh.frames = (async function* () {
      yield Uint8Array.of(3);
      throw new Error("the connection has ended");
    })();
    const lines = (await (await post(mesh, asked)).text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { frame: "Aw==" },
      { error: "the connection has ended" },
    ]);
    expect(mesh.asked[0]).toEqual(["exchange", { ...asked, frame: Buffer.from([1, 2]) }]);
    expect(mesh.exchanges[0]?.aborted).toBe(true);
  });

  test("no protocol by which boxes keep their network is spoken", async () => {
    for (const protocol of ["/omerta/settle/1", "settle", "", "LEASE"])
      expect((await post(new FakeControl(), { ...asked, protocol })).status).toBe(400);
    const long = { ...asked, frame: Buffer.alloc(16_385).toString("base64") };
    expect((await post(new FakeControl(), long)).status).toBe(400);
  });
});
