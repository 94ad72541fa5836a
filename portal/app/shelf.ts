import { assertHere } from "./one-tab.ts";

/** The browser has no more room for this page, or keeps nothing at all. */
export class ShelfFullError extends Error {
  override readonly name = "ShelfFullError";
}

const PREFIX = "omerta.";

/** Whether this browser keeps anything: the sign-in windows of phones do not. */
export function keepsAnything(): boolean {
  try {
    localStorage.setItem(`${PREFIX}try`, "1");
    localStorage.removeItem(`${PREFIX}try`);
    return true;
  } catch {
    return false;
  }
}

/** What was kept under a name; undefined where nothing was, or what was is no JSON. Only this page writes there. */
export function kept<T>(name: string): T | undefined {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

let isClosed = false;

/** On the medium when it returns, as far as the browser is to be believed. @throws {ShelfFullError} @throws {ElsewhereError} */
export function keep(name: string, value: unknown): void {
  if (isClosed) return;
  assertHere();
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch (cause) {
    throw new ShelfFullError(`${name}: ${String(cause)}`);
  }
}

/** @throws {ElsewhereError} */
export function forget(name: string): void {
  assertHere();
  localStorage.removeItem(PREFIX + name);
}

/** What is behind `prefix` in the names of what is kept. */
export function keptNames(prefix: string): string[] {
  const start = PREFIX + prefix;
  return Object.keys(localStorage)
    .filter((name) => name.startsWith(start))
    .map((name) => name.slice(start.length));
}

/** Everything of this page. */
export function forgetAll(): void {
  for (const name of keptNames("")) forget(name);
}

/** Everything of this page, for good: what is still under way keeps nothing more, and the page begins anew, with no stream of the old key's. */
export function forgetAndBeginAnew(): void {
  isClosed = true;
  forgetAll();
  history.replaceState(null, "", location.pathname + location.search);
  location.reload();
}
