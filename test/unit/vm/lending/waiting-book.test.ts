import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { WaitsFor } from "../../../../src/vm/admission/index.ts";
import {
  type Applicant,
  LONGEST_WAIT_MS,
  newApplicant,
  WaitingBook,
  waitFor,
} from "../../../../src/vm/lending/waiting-book.ts";
import { idOf, member } from "../admission/fixed-case.ts";
import { fixedRequest } from "../request/fixed-request.ts";

const HOUR_MS = 3_600_000;

function applicant(number: number, priority = 10, what: WaitsFor = "room"): Applicant {
  const one = newApplicant(fixedRequest({ id: idOf(number) }), member, 0, 0);
  waitFor(one, what);
  return Object.assign(one, { priority, why: "no room" });
}

/** Steps on by so many hours, in which its requester is heard all the time. @returns what has become of it */
function hours(book: WaitingBook, one: Applicant, from: number, to: number): string | undefined {
  const by = one.request.requester;
  for (let atMs = from * HOUR_MS; atMs <= to * HOUR_MS; atMs += 10_000) {
    book.step(one, { type: "keptAlive", by }, atMs);
    book.step(one, { type: "tick" }, atMs);
  }
  return one.state.outcome;
}

describe("the book of those who wait", () => {
  test("has everybody where they stand among those who wait for the same", () => {
    const book = new WaitingBook();
    book.add(applicant(1, 10));
    book.add(applicant(2, 50, "operator"));
    book.add(applicant(3, 50));
    book.add(applicant(4, 10));
    book.add(applicant(5, 10, "host"));
    expect(book.inTurn().map(({ request }) => request.id)).toEqual([2, 3, 1, 4, 5].map(idOf));
    expect([...book.places()].map(([id, { place }]) => [id, place])).toEqual([
      [idOf(2), 1],
      [idOf(3), 1],
      [idOf(1), 2],
      [idOf(4), 3],
      [idOf(5), 1],
    ]);
    // Decisions want those that have waited longest first.
    expect(book.forAdmission().map(({ id }) => id)).toEqual([1, 2, 3, 4, 5].map(idOf));
  });

  test.each<[WaitsFor, number]>([
    ["room", 1],
    ["operator", 12],
    ["host", 24],
  ])("lets nobody wait for ever: for %s %d hours", (what, most) => {
    expect(LONGEST_WAIT_MS[what]).toBe(most * HOUR_MS);
    const book = new WaitingBook();
    const one = applicant(1, 10, what);
    book.add(one);
    book.step(one, { type: "queued" }, 0);
    expect(hours(book, one, 0, most - 0.01)).toBeUndefined();
    expect(hours(book, one, most, most)).toBe("refused");
    expect(book.size).toBe(0);
  });

  test("gives who waits for something else its own time, and none anew for the same", () => {
    const book = new WaitingBook();
    const one = applicant(1, 10, "operator");
    book.add(one);
    book.step(one, { type: "queued" }, 0);
    expect(hours(book, one, 0, 11)).toBeUndefined();
    waitFor(one, "operator");
    waitFor(one, "room");
    expect(hours(book, one, 11, 11.9)).toBeUndefined();
    waitFor(one, "room");
    expect(hours(book, one, 12, 12.1)).toBe("refused");
  });

  test("puts nobody before who is worth more, or as much and came earlier, and gives each place once", () => {
    const some = fc.array(
      fc.tuple(fc.constantFrom(10, 50, 100), fc.constantFrom<WaitsFor>("room", "operator", "host")),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(some, (all) => {
        const book = new WaitingBook();
        for (const [number, [priority, what]] of all.entries()) book.add(applicant(number, priority, what));
        const order = book.inTurn();
        for (const [index, one] of order.entries())
          for (const later of order.slice(index + 1)) {
            const isAfter = one.request.id > later.request.id;
            expect(later.priority < one.priority || (later.priority === one.priority && !isAfter)).toBe(true);
          }
        const places = [...book.places()].map(([id, { place }]) => `${book.get(id)?.waitsFor} ${place}`);
        expect(new Set(places).size).toBe(all.length);
      }),
      { numRuns: 200 },
    );
  });
});
