import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { DeskMessagesClient } from "../../../src/portal/desk-messages-client.ts";
import { overSocket } from "../../../src/portal/desk-socket.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
/** Longer than somebody who only reads is left waiting. */
const SLOW_MS = 5_500;
let socket: string;
let daemon: ReturnType<typeof Bun.serve>;

beforeAll(() => {
  socket = join(scratch(), "desk.sock");
  daemon = Bun.serve({
    unix: socket,
    async fetch() {
      await Bun.sleep(SLOW_MS);
      return Response.json({ code: "of a form" });
    },
  });
});
afterAll(async () => {
  await daemon.stop(true);
});

test("what was written is waited for while the box is slow, and what is read is not", async () => {
  const client = new DeskMessagesClient(overSocket(socket));
  const [taken, read] = await Promise.all([
    client.sos(
      { address: "192.0.2.1", form: "f" },
      { text: "help", name: "", place: { words: "" }, people: 0, injured: 0, contact: "" },
    ),
    client.rooms(),
  ]);
  expect(taken).toMatchObject({ code: "of a form" });
  expect(read).toMatchObject({ refused: "unreachable" });
}, 15_000);
