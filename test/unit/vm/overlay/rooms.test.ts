import { expect, test } from "bun:test";
import { createLog } from "../../../../src/host/log.ts";
import { OverlayStore } from "../../../../src/vm/overlay/index.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const ROOM = "00112233445566778899aabbccddeeff";

test("a room is known as somebody's until it is destroyed: a sweep meanwhile must not take it for a lease's that is over", async () => {
  const store = new OverlayStore({
    ...{ folder: scratch(), mediumFolder: undefined, memoryShareMiB: 0 },
    ...{ keptMemoryMiB: 0, keptMediumMiB: 0, swapPolicy: "encrypted", owner: undefined },
    randomBytes: (count) => new Uint8Array(count),
    swapAreas: () => [],
    log: createLog({ level: "error", destination: { write: () => undefined } }),
  });
  expect(store.rooms).toEqual([]);
  // There is no memory for it here. Whoever wants a room destroys it in any case.
  const made = store.room(ROOM, 1);
  expect(store.rooms).toEqual([ROOM]);
  expect(made).rejects.toThrow("sizeMiB");
  await made.catch(() => undefined);
  expect(store.rooms).toEqual([ROOM]);
  await store.destroy(ROOM);
  expect(store.rooms).toEqual([]);
});
