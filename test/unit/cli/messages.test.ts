import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Hono } from "hono";
import { CONTROL_SOCKET } from "../../../src/host/box-places.ts";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { operatorMessagesApi } from "../../../src/portal/operator-messages-api.ts";
import { messagesBox } from "../messages/messages-box.ts";
import { scratchFolders } from "../scratch.ts";
import { runHere } from "./run-here.ts";

const scratch = scratchFolders();
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** The messages of a real box behind its control socket, and the command line beside it. */
async function box() {
  const folder = scratch();
  const { part, guests, operator } = messagesBox(scratch());
  await part.start();
  ends.push(() => part.stop());
  const app = new Hono().route("/api/messages", operatorMessagesApi(operator));
  const server = serveSocket(join(folder, CONTROL_SOCKET), (request) => app.fetch(request));
  ends.push(() => server.stop(true));
  const cli = (...args: string[]) => runHere("messages", ...args, "--run", folder);
  return { cli, guests, operator };
}

const PHONE = { station: "02:00:00:00:00:01" };
/** A text that would draw on the screen. */
const NASTY = "help\u001b[2J\u202eme";
const SOS = {
  text: "The stairs are gone\nCome quickly",
  name: "Ada",
  place: { words: "Mill Lane 4", at: { latitudeE6: 52_520_000, longitudeE6: 13_405_000 } },
  people: 3,
  injured: 1,
  batteryPercent: 8,
  contact: "channel 7",
};

describe("omerta-box messages", () => {
  test("shows calls for help with all that the person gave, and answers them by the first digits of the id", async () => {
    const { cli, guests } = await box();
    expect((await cli("sos")).stdout).toBe("No call for help is open.\n");
    const sent = await guests.sos(PHONE, SOS);
    if ("refused" in sent) throw new Error(sent.detail);
    const { stdout } = await cli("sos");
    for (const fact of ["Ada", "Mill Lane 4", "52.52000, 13.40500", "3 people, 1 hurt", "8 %", "channel 7"])
      expect(stdout).toContain(fact);
    expect(stdout).toContain("The stairs are gone Come quickly");
    const id = sent.id.slice(0, 8);
    expect(stdout).toStartWith(`${id} `);
    expect(await cli("acknowledge", id, "We come")).toEqual({ exitCode: 0, stdout: "Done.\n", stderr: "" });
    expect((await cli("sos")).stdout).toContain("acknowledged (We come)");
    await cli("hand-over", id, "Fire brigade");
    await cli("close", id);
    expect((await cli("sos")).stdout).toBe("No call for help is open.\n");
    expect((await cli("sos", "--all")).stdout).toContain("closed");
  });

  test("tells everybody something, and shows it with its level", async () => {
    const { cli } = await box();
    await cli("notify", "The river rises", "--level", "warning", "--for", "3");
    expect((await cli("notices")).stdout).toContain("warning: The river rises");
    expect((await cli("notify", "x", "--for", "721")).exitCode).toBe(2);
    expect((await cli("notify", "x", "--level", "loud")).exitCode).toBe(2);
  });

  test("shows posts and people, and takes a post away", async () => {
    const { cli, guests } = await box();
    const post = await guests.post(PHONE, "square", { name: "Eve", text: "Free money" });
    if ("refused" in post) throw new Error(post.detail);
    await guests.checkIn(PHONE, {
      name: "Grace",
      state: "safe",
      text: "",
      place: { words: "School" },
      tell: "mailto:mum@example.org",
    });
    await guests.report({ station: "02:00:00:00:00:02" }, post.id, "a fraud");
    expect((await cli("posts")).stdout).toContain("Eve: Free money");
    expect((await cli("people", "grace")).stdout).toContain("Grace: safe, School");
    expect((await cli("people", "nobody")).stdout).toBe("Nobody of that name has checked in.\n");
    expect((await cli("reported")).stdout).toContain("reported once: Eve: Free money (a fraud)");
    expect((await cli("outbox")).stdout).toContain("for mailto:mum@example.org: waiting");
    await cli("remove", post.id.slice(0, 6), "a fraud");
    expect((await cli("posts")).stdout).toContain("taken away by its operator: a fraud");
  });

  test("blocks a device and lets it write again", async () => {
    const { cli } = await box();
    await cli("block", PHONE.station);
    expect((await cli("blocked")).stdout).toBe(`${PHONE.station}\n`);
    await cli("unblock", PHONE.station);
    expect((await cli("blocked")).stdout).toBe("Nobody is blocked.\n");
  });

  test("carries messages by a folder from one box to another", async () => {
    const [one, two] = [await box(), await box()];
    await one.guests.sos(PHONE, SOS);
    const stick = scratch();
    expect((await one.cli("export", stick)).stdout).toBe("1 written.\n");
    expect((await one.cli("export", stick)).stdout).toBe("Everything was there already.\n");
    expect((await two.cli("import", stick)).stdout).toBe("1 taken, 0 known already, 0 refused.\n");
    expect((await two.cli("sos")).stdout).toContain("The stairs are gone");
  });

  test("says what is kept, and gives machines all of it", async () => {
    const { cli, guests } = await box();
    await guests.sos(PHONE, SOS);
    const { stdout } = await cli("status");
    expect(stdout).toContain("Calls for help: 1 open, 0 of them acknowledged");
    expect(stdout).toContain("Kept: 1 sos; 0.0 of 512.0 MiB");
    const json = JSON.parse((await cli("status", "--json")).stdout);
    expect(json).toMatchObject({ held: { sos: 1 }, sos: { open: 1 } });
  });

  test("fails with the reason where there is no such thing", async () => {
    const { cli } = await box();
    for (const args of [
      ["acknowledge", "abcd"],
      ["remove", "abcd"],
      ["block", "nobody at all"],
    ]) {
      const { exitCode, stderr } = await cli(...args);
      expect(exitCode).toBe(1);
      expect(stderr).toStartWith("omerta-box: not done: there is no such");
    }
    expect(await cli("acknowledge", "no id")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("id:"),
    });
  });

  test("lets nothing that others wrote draw on the screen", async () => {
    const { cli, guests } = await box();
    await guests.sos(PHONE, { ...SOS, text: NASTY, name: NASTY, contact: NASTY, place: { words: NASTY } });
    const { stdout } = await cli("sos");
    expect(stdout).toContain("help");
    for (const steering of ["\u001b", "\u202e"]) expect(stdout).not.toContain(steering);
  });
});
