import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointHttp } from "../../../../src/requester/checkpoint-http.ts";
import {
  agreementKey,
  CheckpointShelf,
  Checkpoints,
  machineKind,
  openSealedKey,
  signCheckpointAsk,
  USUAL_SHELF,
} from "../../../../src/vm/checkpoint/index.ts";
import { ASK_HEADER, checkpointRoutes } from "../../../../src/vm/wire/checkpoint-routes.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import {
  box,
  countingBytes,
  FILE_KEY,
  fixedHeader,
  sealed,
  someBytes,
} from "../checkpoint/fixed-checkpoint.ts";
import { IMAGE } from "../lending/played-ground.ts";
import { hex, requester, stranger } from "../request/fixed-request.ts";

setDefaultTimeout(60_000);
const scratch = scratchFolders();
const servers: ReturnType<typeof Bun.serve>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

const HEADER = fixedHeader({
  image: { name: IMAGE.name, digest: IMAGE.digest },
  machine: machineKind("x64", "emulation", 7_002_022, () => ""),
});

/** A box that has, by its folder, what an earlier one left. */
async function serving(folder: string, refusal?: string) {
  const checkpoints = new Checkpoints({
    shelf: new CheckpointShelf({
      ...{ folder, limits: { ...USUAL_SHELF, keptFreeBytes: 0 }, log: capturedLog().log },
      clock: { monotonicMs: () => 0 },
    }),
    ...{ key: box, trusts: () => false, images: () => [IMAGE], randomBytes: countingBytes(3) },
    machine: async () => HEADER.machine,
    refusalOf: () => refusal,
  });
  await checkpoints.start();
  const app = checkpointRoutes(() => checkpoints);
  const server = Bun.serve({
    port: 0,
    fetch: (request) => app.fetch(request, { address: "::ffff:192.0.2.7" }),
  });
  servers.push(server);
  return { base: new URL(`http://127.0.0.1:${server.port}/`), checkpoints };
}

async function withOne() {
  const folder = scratch();
  const { path, head } = await sealed(folder, HEADER, someBytes(300_000));
  const shelf = join(folder, "shelf");
  mkdirSync(shelf);
  const bytes = readFileSync(path);
  writeFileSync(join(shelf, `${HEADER.id}.checkpoint`), bytes);
  return { folder, head, bytes, ...(await serving(shelf)) };
}

const httpOf = (base: URL, key = requester) => new CheckpointHttp(base, key, countingBytes(7));

test("a saved machine is brought home, gone on with where it was cut off, and brought to another box", async () => {
  const { folder, bytes, base, head } = await withOne();
  const home = join(folder, "home");
  writeFileSync(`${home}.part`, bytes.subarray(0, 100_000));
  expect(await httpOf(base).fetch(HEADER.id, home)).toEqual(head);
  expect(readFileSync(home).equals(bytes)).toBe(true);

  const shelf = scratch();
  const other = await serving(shelf);
  const seen: number[] = [];
  const restore = await httpOf(other.base).bring(home, (have) => seen.push(have));
  expect(seen).toEqual([head.bytes.length, bytes.length]);
  expect(readFileSync(join(shelf, `${HEADER.id}.checkpoint`)).equals(bytes)).toBe(true);
  // Sealed for that box alone, whose secret is made of these bytes.
  const own = agreementKey(countingBytes(3)(32));
  expect(openSealedKey(Buffer.from(restore.key, "hex"), own, "box")).toEqual(FILE_KEY);
  // Again it is there already.
  expect((await httpOf(other.base).bring(home)).checkpoint).toBe(HEADER.id);
});

test("a saved machine is given to nobody else, and not to who has signed something else", async () => {
  const { folder, base } = await withOne();
  const to = join(folder, "theirs");
  await expect(httpOf(base, stranger).fetch(HEADER.id, to)).rejects.toThrow("nothing of yours is here");
  await expect(httpOf(base).fetch("ab".repeat(16), to)).rejects.toThrow("nothing of yours is here");
  const at = new URL(`v1/leases/${HEADER.id}/checkpoint`, base);
  expect((await fetch(at)).status).toBe(400);
  const other = { kind: "fetch", requester: hex(requester.publicKey), checkpoint: "ab".repeat(16) } as const;
  const header = Buffer.from(signCheckpointAsk(other, requester)).toString("base64");
  expect((await fetch(at, { headers: { [ASK_HEADER]: header } })).status).toBe(400);
  const ask = Buffer.from(signCheckpointAsk({ ...other, checkpoint: HEADER.id }, requester)).toString(
    "base64",
  );
  const far = await fetch(at, { headers: { [ASK_HEADER]: ask, range: "bytes=999999999-" } });
  expect(far.status).toBe(416);
});

test("a box says why it takes none, before any of it is sent", async () => {
  const { folder, bytes } = await withOne();
  const home = join(folder, "home");
  writeFileSync(home, bytes);
  const { base } = await serving(scratch(), "This box lends to nobody.");
  await expect(httpOf(base).bring(home)).rejects.toThrow("This box lends to nobody.");
  await expect(httpOf(base, stranger).bring(home)).rejects.toThrow("was not sealed for this one");
  writeFileSync(home, bytes.subarray(1));
  await expect(httpOf(base).bring(home)).rejects.toThrow("is no such file");
  const put = await fetch(new URL(`v1/checkpoints/${HEADER.id}`, base), {
    ...{ method: "PUT", body: new Uint8Array(9), headers: { "content-range": "bytes 0-8/9" } },
  });
  expect(await put.json()).toEqual({ is: "refused", why: "token: is not what the offer was answered with" });
});
