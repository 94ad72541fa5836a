import { bytesToHex, random } from "./bytes.ts";

/** Another tab or window goes on with this page: what is under way here ends where it is, and keeps nothing more. */
export class ElsewhereError extends Error {
  override readonly name = "ElsewhereError";
}

/** Which tab keeps things. Beside what the page keeps, which may all be forgotten. */
const HOLDER = "omerta-tab";
/** To which tab the last holder gave way. */
const GAVE_WAY = "omerta-tab-left";
const LOCK = "omerta-tab";
/** A tab that is gone, or frozen, does not give way. */
const WAIT_MS = 1_000;

/** As long as the name of any other: what is written in its place never lacks room. */
const NOBODY = "0".repeat(16);

const own = bytesToHex(random(8));
let releaseLock: (() => void) | undefined;
/** This tab has taken over, and has not heard of another yet. */
let isHolder = false;
/** While this tab takes over: the one before may keep something still. */
let takingOver: Promise<void> | undefined;

const holder = (): string | null => localStorage.getItem(HOLDER);

/** Whether another tab is the one, as far as it can be seen from here. */
export const isHeldElsewhere = (): boolean => ![null, NOBODY, own].includes(holder());

/**
 * Of the tabs and windows of one browser in which the page is open, one at a time keeps and sends: two would seal by the same keys, and
 * overwrite what the other has kept. It is the one that was last looked at. One that has given way stays aside when the other is gone,
 * until it takes over: the next one would not wait for it.
 */
export const isElsewhere = (): boolean => !isHolder || takingOver !== undefined || isHeldElsewhere();

/** @throws {ElsewhereError} */
export function assertHere(): void {
  if (isElsewhere()) throw new ElsewhereError("another tab goes on with this page");
}

/** Makes this tab the one. Resolves when the one before has given way; until then nothing is kept here. */
export function takeOver(): Promise<void> {
  if (takingOver !== undefined) return takingOver;
  takingOver = handOver().finally(() => {
    takingOver = undefined;
  });
  return takingOver;
}

async function handOver(): Promise<void> {
  const gaveWay = isHeldElsewhere() ? heardOfGivingWay() : undefined;
  note(HOLDER, own);
  isHolder = true;
  const locked = lock();
  if (gaveWay === undefined) return;
  await Promise.race([
    locked ?? gaveWay,
    new Promise<void>((resolve) => {
      setTimeout(resolve, WAIT_MS);
    }),
  ]);
}

/** @param lost another tab goes on from now on */
export function watchTabs(lost: () => void): void {
  addEventListener("storage", ({ key }) => {
    // Who was frozen and has taken over since hears late of the one before: what counts is who it is now.
    if (key !== HOLDER || !isHolder || !isHeldElsewhere()) return;
    const next = holder() ?? NOBODY;
    isHolder = false;
    lost();
    releaseLock?.();
    releaseLock = undefined;
    note(GAVE_WAY, next);
  });
  addEventListener("pagehide", () => {
    if (holder() === own) note(HOLDER, NOBODY);
  });
}

function note(name: string, tab: string): void {
  try {
    localStorage.setItem(name, tab);
  } catch {
    // There is no room for the first one ever: then there is none for anything that two tabs could overwrite either.
  }
}

function heardOfGivingWay(): Promise<void> {
  return new Promise((resolve) => {
    const heard = ({ key, newValue }: StorageEvent) => {
      if (key !== GAVE_WAY || newValue !== own) return;
      removeEventListener("storage", heard);
      resolve();
    };
    addEventListener("storage", heard);
  });
}

/**
 * Where there are locks (over TLS alone), one is held as long as this tab is the one. @returns undefined where there are none; resolves
 * when it is granted
 */
function lock(): Promise<void> | undefined {
  if (navigator.locks === undefined || releaseLock !== undefined) return undefined;
  return new Promise((granted) => {
    const held = new Promise<void>((release) => {
      releaseLock = release;
    });
    navigator.locks
      .request(LOCK, () => {
        granted();
        return held;
      })
      // Where a browser refuses them they are as good as none.
      .catch(() => granted());
  });
}
