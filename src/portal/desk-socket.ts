/** ms: what a guest only reads; after that they are told that the box is busy. */
export const READ_TIMEOUT_MS = 5_000;
/** ms: what a guest does, or has written, while a card or a small processor is slow: better taken late than asked for again. */
export const WRITE_TIMEOUT_MS = 15_000;

/**
 * s after which the daemon, or a server before it, cuts off an exchange of which nothing comes: longer than it is waited for, also
 * when Bun, which counts in steps of 4 s, is early by one.
 */
export const DESK_IDLE_S = 24;

/** Asks the daemon over its socket for the portal. @throws when it does not answer in time */
export const overSocket =
  (socket: string, readTimeoutMs = READ_TIMEOUT_MS) =>
  (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
    fetch(input, { ...init, unix: socket, signal: init?.signal ?? AbortSignal.timeout(readTimeoutMs) });

/** Of a call by which a guest does something. */
export const waitedFor = () => ({ init: { signal: AbortSignal.timeout(WRITE_TIMEOUT_MS) } });
