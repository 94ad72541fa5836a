import { expect, test } from "bun:test";
import { join } from "node:path";
import { DeskMessagesClient } from "../../../src/portal/desk-messages-client.ts";
import {
  DESK_IDLE_S,
  overSocket,
  READ_TIMEOUT_MS,
  WRITE_TIMEOUT_MS,
} from "../../../src/portal/desk-socket.ts";
import { FORM_ANSWER_TIMEOUT_MS } from "../../../src/portal/tls-front.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const SENDER = { address: "192.0.2.1", form: "f" };
const HELP = { text: "help", name: "", place: { words: "" }, people: 0, injured: 0, contact: "" };

test("what was written is waited for while the box is slow, and what is read is not", async () => {
  const socket = join(scratch(), "desk.sock");
  const daemon = Bun.serve({
    unix: socket,
    async fetch() {
      await Bun.sleep(200);
      return Response.json({ code: "of a form" });
    },
  });
  try {
    const client = new DeskMessagesClient(overSocket(socket, 20));
    expect(await client.sos(SENDER, HELP)).toMatchObject({ code: "of a form" });
    expect(await client.rooms()).toMatchObject({ refused: "unreachable" });
    expect(await client.delivery(SENDER.address, "a code")).toMatchObject({ refused: "unreachable" });
  } finally {
    await daemon.stop(true);
  }
});

test("whoever is further out waits longer", () => {
  const asBunCounts = (seconds: number) => (seconds - 4) * 1_000;
  expect(WRITE_TIMEOUT_MS).toBeGreaterThan(READ_TIMEOUT_MS);
  expect(FORM_ANSWER_TIMEOUT_MS).toBeGreaterThan(WRITE_TIMEOUT_MS);
  expect(asBunCounts(DESK_IDLE_S)).toBeGreaterThan(FORM_ANSWER_TIMEOUT_MS);
});
