import { describe, expect, test } from "bun:test";
import type { Page, ShownNotice, ShownPost } from "../../../src/messages/index.ts";
import type { DeskMessages, Outcome } from "../../../src/portal/desk-messages-client.ts";
import { PublicBoard } from "../../../src/portal/public-board.ts";
import { settle } from "./fake-desk.ts";
import { idOf } from "./memory-messages.ts";

const POST: ShownPost = { id: idOf(1), ageS: 5, room: "square", name: "", text: "Water" };
const NOTICE: ShownNotice = { id: idOf(2), ageS: 0, level: "danger", text: "Flee", trusted: true };
const UNREACHABLE = { refused: "unreachable", detail: "" } as const;

/** A board over answers that the test gives when it wants to. */
function board() {
  const time = { nowMs: 0 };
  const asked: ((answer: Outcome<Page<ShownPost>>) => void)[] = [];
  const state = { notices: [NOTICE] as Outcome<ShownNotice[]>, noticesAsked: 0 };
  const desk = {
    posts: () => new Promise<Outcome<Page<ShownPost>>>((resolve) => asked.push(resolve)),
    notices: async () => {
      state.noticesAsked += 1;
      return state.notices;
    },
  } as Partial<DeskMessages> as DeskMessages;
  return { time, asked, state, board: new PublicBoard(desk, () => time.nowMs) };
}

describe("what everybody may read", () => {
  test("is asked for once by all who come before the answer, and by all who come after it", async () => {
    const { board: it, asked } = board();
    const both = [it.posts("square"), it.posts("square")];
    asked[0]?.({ items: [POST] });
    expect(await Promise.all(both)).toEqual([{ items: [POST] }, { items: [POST] }]);
    expect(await it.posts("square")).toEqual({ items: [POST] });
    expect(asked).toHaveLength(1);
  });

  test("is asked for anew after a change, also one that comes while an answer is on its way", async () => {
    const { board: it, asked } = board();
    const before = it.posts("square");
    it.changed();
    const after = it.posts("square");
    asked[0]?.({ items: [] });
    asked[1]?.({ items: [POST] });
    expect([await before, await after]).toEqual([{ items: [] }, { items: [POST] }]);
    expect(await it.posts("square")).toEqual({ items: [POST] });
    expect(asked).toHaveLength(2);
  });

  test("of different rooms and pages are different things", () => {
    const { board: it, asked } = board();
    void it.posts("square");
    void it.posts("kitchen");
    void it.posts("square", "x");
    void it.posts("square", undefined, 3);
    expect(asked).toHaveLength(4);
  });

  test("grows older while it is kept", async () => {
    const { board: it, asked, time } = board();
    const first = it.posts("square");
    asked[0]?.({ items: [POST] });
    await first;
    time.nowMs = 61_500;
    expect(await it.posts("square")).toEqual({ items: [{ ...POST, ageS: 66 }] });
  });

  test("is what it was, and older, as long as the daemon is away", async () => {
    const { board: it, asked, time } = board();
    const first = it.posts("square");
    asked[0]?.({ items: [POST] });
    await first;
    for (const seconds of [10, 20]) {
      it.changed();
      time.nowMs = seconds * 1_000;
      const again = it.posts("square");
      asked.at(-1)?.(UNREACHABLE);
      expect(await again).toEqual({ items: [{ ...POST, ageS: 5 + seconds }] });
    }
    it.changed();
    const back = it.posts("square");
    asked.at(-1)?.({ items: [] });
    expect(await back).toEqual({ items: [] });
  });

  test("is refused where there never was an answer, and asked for again", async () => {
    const { board: it, asked } = board();
    const first = it.posts("square");
    asked[0]?.(UNREACHABLE);
    expect(await first).toEqual(UNREACHABLE);
    void it.posts("square");
    expect(asked).toHaveLength(2);
  });

  test("is kept for some pages, not for as many as somebody can think of", async () => {
    const { board: it, asked } = board();
    for (let page = 0; page < 500; page += 1) {
      const answer = it.posts("square", `${page}`);
      asked.at(-1)?.({ items: [] });
      await answer;
    }
    const again = it.posts("square", "0");
    asked.at(-1)?.({ items: [] });
    await again;
    expect(asked).toHaveLength(501);
  });
});

describe("the notices", () => {
  test("are there without waiting once they were told, and grow older", async () => {
    const { board: it, time } = board();
    expect([it.hasNotices, it.notices]).toEqual([false, []]);
    it.changed();
    await settle();
    time.nowMs = 3_000;
    expect([it.hasNotices, it.notices]).toEqual([true, [{ ...NOTICE, ageS: 3 }]]);
  });

  test("are asked for once for changes that come close together, and again for one that comes meanwhile", async () => {
    const { board: it, state } = board();
    it.changed();
    it.changed();
    it.changed();
    await settle();
    expect(state.noticesAsked).toBe(2);
    await settle();
    it.changed();
    await settle();
    expect(state.noticesAsked).toBe(3);
  });

  test("stay as they were while the daemon is away", async () => {
    const { board: it, state } = board();
    it.changed();
    await settle();
    state.notices = UNREACHABLE;
    it.changed();
    await settle();
    expect(it.notices).toHaveLength(1);
    state.notices = [];
    it.changed();
    await settle();
    expect(it.notices).toEqual([]);
  });
});
