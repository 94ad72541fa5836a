import { systemTimers } from "../../src/host/timers.ts";
import { RankedIndex } from "../../src/messages/sync/ranked-index.ts";
import { openStore } from "./messages-store-fill.ts";
import { residentKiB } from "./resident-memory.ts";

/**
 * In a process of its own, so that nothing else counts: the store at a path, opened with what boxes compare by, or all of its
 * bundles in memory. Prints the time that it took, in ms, and by how much the process grew, in KiB.
 */
const [path = "", how = "store"] = process.argv.slice(2);

const settled = () => {
  Bun.gc(true);
  return residentKiB([process.pid]);
};

// Code that is loaded when first used is no part of what is measured.
const empty = openStore(":memory:");
await indexed(new RankedIndex(empty, systemTimers));
empty.close();

const beforeKiB = settled();
const started = performance.now();
const store = openStore(path);
const kept = new Map<string, Uint8Array>();
const index = new RankedIndex(store, systemTimers);
if (how === "store") await indexed(index);
else for (const held of everything()) kept.set(held.id, held.encoded);
const startMs = performance.now() - started;
store.queries.posts("square");
process.stdout.write(JSON.stringify({ startMs, grownKiB: settled() - beforeKiB, count: kept.size }));
index.stop();
store.close();

function indexed(index: RankedIndex): Promise<void> {
  return new Promise((ready) => index.start(ready));
}

function* everything() {
  for (let after = 0; ; ) {
    const some = store.queries.since(after, 200);
    yield* some;
    const last = some.at(-1);
    if (!last) return;
    after = last.order;
  }
}
