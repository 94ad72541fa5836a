/** What a guest only reads, after that they are told that the box is busy. */
const READ_TIMEOUT_MS = 5_000;
/** What a guest does or has written is waited for while a card or a small processor is slow: better taken late than asked for again. */
const WRITE_TIMEOUT_MS = 15_000;

/** s after which the daemon, or a server before it, cuts off an exchange of which nothing comes: longer than it is waited for. */
export const DESK_IDLE_S = 20;

/** Asks the daemon over its socket for the portal. @throws when it does not answer in time */
export const overSocket =
  (socket: string) =>
  (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
    fetch(input, {
      ...init,
      unix: socket,
      signal: AbortSignal.timeout(init?.method === "POST" ? WRITE_TIMEOUT_MS : READ_TIMEOUT_MS),
    });
