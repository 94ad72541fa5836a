import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, OperatorDesk } from "../../../../src/first-boot/claim/operator-desk.ts";
import { keepPassword } from "../../../../src/first-boot/claim/operator-password.ts";
import { FakeClock } from "../../fake-clock.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const PASSWORD = "three quiet words";

function deskIn(stateFolder = scratch()) {
  const clock = new FakeClock();
  const told: string[] = [];
  const open = () =>
    new OperatorDesk({
      ...{
        stateFolder,
        randomBytes,
        told: (message) => told.push(message),
        passwordCost: { n: 1_024, r: 1, p: 1 },
      },
      monotonicMs: () => clock.monotonicMs(),
    });
  return { desk: open(), open, clock, told, stateFolder, file: join(stateFolder, "operator.json") };
}

const sessionOf = (entry: Entry): string => {
  if ("refused" in entry) throw new Error(`refused: ${entry.refused}`);
  return entry.session;
};

async function claimed() {
  const all = deskIn();
  const session = sessionOf(await all.desk.claim(all.desk.claimCode ?? "", PASSWORD, "a"));
  return { ...all, session };
}

describe("a box that nobody has claimed", () => {
  test("keeps its code over a restart, readable by the daemon alone", () => {
    const { desk, open, file } = deskIn();
    expect(open().claimCode).toBe(desk.claimCode);
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  test("takes the code once, and whoever had it is the operator", async () => {
    const { desk } = deskIn();
    const code = desk.claimCode ?? "";
    const session = sessionOf(await desk.claim(code, PASSWORD, "a"));
    expect([desk.claimCode, desk.isSession(session)]).toEqual([undefined, true]);
    expect(await desk.claim(code, "another one of mine", "b")).toEqual({ refused: "claimed" });
  });

  test("is claimed by one alone when two come at the same time", async () => {
    const { desk } = deskIn();
    const code = desk.claimCode ?? "";
    const both = await Promise.all(["a", "b"].map((who) => desk.claim(code, `${PASSWORD} ${who}`, who)));
    expect(both.filter((entry) => "session" in entry)).toHaveLength(1);
    expect(both.filter((entry) => "refused" in entry && entry.refused === "claimed")).toHaveLength(1);
  });

  test("keeps the code where the password will not do, and tells those without the code nothing of it", async () => {
    const { desk } = deskIn();
    const code = desk.claimCode ?? "";
    expect(await desk.claim(code, "short", "a")).toEqual({ refused: "short" });
    expect(await desk.claim(code, "x".repeat(201), "a")).toEqual({ refused: "long" });
    expect(await desk.claim("0000-0000", "short", "a")).toEqual({ refused: "code" });
    expect(desk.claimCode).toBe(code);
  });

  test("can be signed in to by nobody", async () => {
    const { desk } = deskIn();
    expect(await desk.signIn("", "a")).toEqual({ refused: "unclaimed" });
    expect(desk.isSession("")).toBe(false);
  });
});

describe("tries", () => {
  test("are five at once from one address, then one in twenty seconds, and others are let try", async () => {
    const { desk, clock } = deskIn();
    const outcomes = [];
    for (let n = 0; n < 8; n += 1) {
      outcomes.push(await desk.claim("0000-0000", PASSWORD, "a"));
      clock.pass(1_000);
    }
    expect(outcomes.map((one) => "refused" in one && one.refused)).toEqual([
      ..."code ".repeat(5).trim().split(" "),
      ..."slow ".repeat(3).trim().split(" "),
    ] as never);
    expect(await desk.claim("0000-0000", PASSWORD, "b")).toEqual({ refused: "code" });
    clock.pass(20_000);
    expect(await desk.claim("0000-0000", PASSWORD, "a")).toEqual({ refused: "code" });
  });

  test("are three a second however many addresses they come from", async () => {
    const { desk, clock } = await claimed();
    clock.pass(1_000);
    const tries = await Promise.all(
      Array.from({ length: 50 }, (_, n) => desk.signIn("wrong", `10.0.0.${n}`)),
    );
    expect(tries.filter((one) => "refused" in one && one.refused === "password")).toHaveLength(3);
  });
});

describe("the operator", () => {
  test("signs in with the password, also after a restart, and out again", async () => {
    const { open, clock, session } = await claimed();
    clock.pass(60_000);
    const desk = open();
    expect(desk.isSession(session)).toBe(true);
    const second = sessionOf(await desk.signIn(PASSWORD, "a"));
    desk.signOut(session);
    expect([desk.isSession(session), desk.isSession(second), open().isSession(session)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("has a password that costs tens of milliseconds to try, however fast the tests are", async () => {
    const { hash, n, r, p } = await keepPassword("a password", new Uint8Array(16));
    expect([hash.length, n, r, p]).toEqual([44, 16_384, 8, 1]);
  });

  test("has a password that is not written down, nor are the sessions", async () => {
    const { file, session } = await claimed();
    for (const text of [readFileSync(file, "utf8"), readFileSync(`${file}.previous`, "utf8")]) {
      expect(text).not.toContain(PASSWORD);
      expect(text).not.toContain(session);
    }
  });

  test("may write the same password with letters composed in another way", async () => {
    const { desk, clock } = deskIn();
    sessionOf(await desk.claim(desk.claimCode ?? "", "Räuberhöhle".normalize("NFC"), "a"));
    clock.pass(1_000);
    sessionOf(await desk.signIn("Räuberhöhle".normalize("NFD"), "a"));
  });

  test("sets another password by the present one, and is signed out everywhere else", async () => {
    const { desk, clock, session } = await claimed();
    clock.pass(60_000);
    expect(await desk.changePassword("wrong password", "a newer password", "a")).toEqual({
      refused: "password",
    });
    expect(desk.isSession(session)).toBe(true);
    clock.pass(60_000);
    const next = sessionOf(await desk.changePassword(PASSWORD, "a newer password", "a"));
    clock.pass(60_000);
    expect([desk.isSession(session), desk.isSession(next)]).toEqual([false, true]);
    expect(await desk.signIn(PASSWORD, "a")).toEqual({ refused: "password" });
  });

  test("has sixteen browsers at most: the oldest gives way", async () => {
    const { desk, clock, session } = await claimed();
    for (let n = 0; n < 16; n += 1) {
      clock.pass(30_000);
      sessionOf(await desk.signIn(PASSWORD, "a"));
    }
    expect(desk.isSession(session)).toBe(false);
  });

  test("does not lose the box to a used code when the file is torn", async () => {
    const { open, file, told } = await claimed();
    writeFileSync(file, readFileSync(file, "utf8").slice(0, 30));
    const desk = open();
    expect(desk.claimCode).toBeUndefined();
    expect(told.some((message) => message.includes(".torn"))).toBe(true);
    expect(open().claimCode).toBeUndefined();
  });

  test("who has lost the password gets a new code as root, and the old sessions are over", async () => {
    const { desk, open, session } = await claimed();
    const code = desk.release();
    expect([desk.claimCode, open().claimCode, desk.isSession(session)]).toEqual([code, code, false]);
  });

  test("is so until the restart where nothing can be written", async () => {
    const { desk, file, told } = deskIn();
    mkdirSync(`${file}.new`);
    const session = sessionOf(await desk.claim(desk.claimCode ?? "", PASSWORD, "a"));
    expect(desk.isSession(session)).toBe(true);
    expect(told.some((message) => message.includes("is not kept"))).toBe(true);
  });
});
