import { systemTimers, type Timers } from "../host/timers.ts";

/** A server's first line begins so (RFC 4253, section 4.2), and is no longer than 255 bytes. Other lines may come before. */
const BANNER = /(?:^|\n)(SSH-(?:2\.0|1\.99)-[\x20-\x7e]{1,240})\r?\n/;
const MAX_BYTES = 4_096;

/** The identification in what an SSH server has sent so far; undefined: not in it yet. */
export const bannerIn = (text: string): string | undefined => BANNER.exec(text)?.[1];

/** One of many tries. */
export interface Try {
  /** To be called when somebody is there who will answer, or not: no other is made meanwhile. */
  reached(): void;
  /** Aborted: another one has reached it, or nobody waits any more. */
  stop: AbortSignal;
}

const ALONE: Try = { reached: () => {}, stop: new AbortController().signal };

/**
 * Connects once and waits for the identification.
 * @param proxy see `VpnGround.proxy`; undefined: straight. By it nobody knows when the server is reached
 * @returns undefined when none came in time
 */
export function sshBanner(
  address: string,
  port: number,
  proxy: readonly string[] | undefined,
  timeoutMs: number,
  { reached, stop }: Try = ALONE,
  timers: Timers = systemTimers,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = "";
    let close = () => {};
    let isDone = false;
    const done = (banner: string | undefined) => {
      if (isDone) return;
      isDone = true;
      resolve(banner);
      callOff();
      stop.removeEventListener("abort", given);
      close();
    };
    const given = () => done(undefined);
    const callOff = timers.after(timeoutMs, given);
    stop.addEventListener("abort", given);
    if (stop.aborted) return given();
    const take = (chunk: Uint8Array) => {
      text += Buffer.from(chunk).toString("latin1");
      const banner = bannerIn(text);
      if (banner !== undefined || text.length > MAX_BYTES) done(banner);
    };
    if (proxy !== undefined) {
      close = pipeFrom(proxy, take, () => done(undefined));
      return;
    }
    Bun.connect({
      hostname: address,
      port,
      socket: {
        open: (socket) => {
          close = () => socket.end();
          // It took longer than anybody waited.
          if (isDone) close();
          else reached();
        },
        data: (_, chunk) => take(chunk),
        close: () => done(undefined),
        error: () => done(undefined),
      },
    }).catch(() => done(undefined));
  });
}

function pipeFrom(
  command: readonly string[],
  take: (chunk: Uint8Array) => void,
  ended: () => void,
): () => void {
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
  const read = async () => {
    for await (const chunk of child.stdout) take(chunk);
  };
  void read().then(ended, ended);
  return () => child.kill("SIGTERM");
}

/**
 * Tries until one try gives something. The next does not wait for the one before: what is sent before there is a tunnel is
 * lost, and TCP would say it again only after a second (RFC 6298, section 2.1). Once one has reached somebody it is alone: a server
 * that is slow to answer, as dropbear in an emulated machine, refuses whoever comes while five others of the same address wait.
 * @param stop aborted: it is given up
 */
export function untilOne<T>(
  attempt: (one: Try) => Promise<T | undefined>,
  everyMs: number,
  mostAtOnce: number,
  stop: AbortSignal,
  timers: Timers = systemTimers,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const under = new Set<AbortController>();
    let reachedBy: AbortController | undefined;
    let isOver = false;
    let callOff = () => {};
    const over = (found: T | undefined) => {
      if (isOver) return;
      isOver = true;
      callOff();
      resolve(found);
      for (const one of under) one.abort();
    };
    const begin = () => {
      const own = new AbortController();
      under.add(own);
      const reached = () => {
        if (reachedBy) return;
        reachedBy = own;
        for (const other of under) if (other !== own) other.abort();
      };
      attempt({ reached, stop: own.signal })
        .catch(() => undefined)
        .then((found) => {
          under.delete(own);
          if (reachedBy === own) reachedBy = undefined;
          if (found !== undefined) over(found);
        });
    };
    const round = () => {
      if (!reachedBy && under.size < mostAtOnce) begin();
      callOff = timers.after(everyMs, round);
    };
    stop.addEventListener("abort", () => over(undefined), { once: true });
    if (stop.aborted) over(undefined);
    else round();
  });
}
