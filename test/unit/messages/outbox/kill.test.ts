import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { systemTimers } from "../../../../src/host/timers.ts";
import { systemBootClock } from "../../../../src/lora/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { openStand } from "../custody/store-stand.ts";
import { KilledProgram, killedProgram } from "../kill-process.ts";
import type { KillBoxArguments } from "./kill-box.ts";
import { KillMailServer } from "./kill-mail-server.ts";

/** More rounds for a long run: `OMERTA_MAIL_KILLS=1000 bun test …`. */
const ROUNDS = Number(process.env.OMERTA_MAIL_KILLS ?? 10);
/** Then the box begins in an empty folder again, so that the making of the files is met as well. */
const ROUNDS_PER_FOLDER = 50;
const LONGEST_LIFE_MS = 400;
/** In one of so many rounds it is killed while it is still starting. */
const EARLY_EVERY = 5;
const START_MS = 150;
const SETTLED_WITHIN_MS = 60_000;

const scratch = scratchFolders();
const program = killedProgram(resolve(import.meta.dir, "kill-box.ts"), scratch);
const random = seededRandom(20_261_128);
let lives = 0;

/** One box and one mail server, over so many rounds. */
async function stretch(rounds: number) {
  const folder = scratch();
  const server = new KillMailServer();
  const smtpPort = await server.listen();
  const kept = new Set<string>();
  const sent = new Set<string>();
  /** Mails that went out in a life after the one in which it was said that they had. */
  let tooOften: string[] = [];
  let cuts = 0;
  const box = new KilledProgram(program, (what, id = "") => void (what === "kept" ? kept : sent).add(id));
  const start = (isWriting = true) => {
    lives += 1;
    const config: KillBoxArguments = { folder, smtpPort, seed: lives * 1_000, isWriting };
    return box.start(config);
  };
  for (let round = 1; round <= rounds; round += 1) {
    const [saidBefore, hadBefore] = [new Set(sent), server.has.length];
    const up = start();
    const isEarly = round % EARLY_EVERY === 0;
    if (!isEarly) await up;
    // On the other side: what it was about to take on or to say is lost with the connection.
    const cutAfterMs = random() * LONGEST_LIFE_MS;
    const cut = setTimeout(() => {
      cuts += 1;
      server.cutAll();
    }, cutAfterMs);
    await Bun.sleep(random() * (isEarly ? START_MS : LONGEST_LIFE_MS));
    clearTimeout(cut);
    await box.kill();
    tooOften = [...tooOften, ...server.has.slice(hadBefore).filter((id) => saidBefore.has(id))];
  }
  await start(false);
  const endsMs = performance.now() + SETTLED_WITHIN_MS;
  while ([...kept].some((id) => !sent.has(id))) {
    if (performance.now() > endsMs) throw new Error("not all was sent");
    await Bun.sleep(50);
  }
  await box.kill();
  server.close();
  const has = new Set(server.has);
  expect([...kept].filter((id) => !has.has(id))).toEqual([]);
  expect([...sent].filter((id) => !has.has(id))).toEqual([]);
  expect(tooOften).toEqual([]);
  const { store } = openStand({
    ...{ folder, timers: systemTimers, bootClock: systemBootClock() },
    speaksFor: () => true,
  });
  expect(
    [...kept].filter((id) => !store.queries.receipts(id).some(({ state }) => state === "delivered")),
  ).toEqual([]);
  store.close();
  // A kill or a cut leaves one mail at most in doubt: it goes again under the same Message-ID, by which its reader's program knows it.
  const again = server.has.length - has.size;
  expect(again).toBeLessThanOrEqual(rounds + cuts + 1);
  return { kept: kept.size, mails: server.has.length, again, cuts };
}

describe("a box that mails and is killed with SIGKILL at random moments, as its connection to the server is", () => {
  test(
    `sends all that it kept, and none again that it has said is sent, in ${ROUNDS} rounds`,
    async () => {
      const sum = { kept: 0, mails: 0, again: 0, cuts: 0 };
      for (let left = ROUNDS; left > 0; left -= ROUNDS_PER_FOLDER) {
        const one = await stretch(Math.min(left, ROUNDS_PER_FOLDER));
        sum.kept += one.kept;
        sum.mails += one.mails;
        sum.again += one.again;
        sum.cuts += one.cuts;
        if (process.env.OMERTA_MAIL_KILLS !== undefined) console.log(left, sum);
      }
      // The rounds are of worth only where something was written, and sent, in them.
      expect(sum.kept).toBeGreaterThan(ROUNDS / 2);
      expect(sum.cuts).toBeGreaterThan(ROUNDS / 8);
    },
    ROUNDS * 5_000 + SETTLED_WITHIN_MS,
  );
});
