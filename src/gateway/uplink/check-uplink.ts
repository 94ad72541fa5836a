import { isIP } from "node:net";
import type { askByDevice } from "../../host/device-socket.ts";
import type { Timers } from "../../host/timers.ts";
import { MAX_NAME_ANSWER_BYTES, nameAnswer, nameQuestion } from "./name-question.ts";
import {
  isWholeHead,
  MAX_ANSWER_BYTES,
  type ReachVerdict,
  reachRequest,
  reachVerdict,
} from "./reach-answer.ts";
import type { CheckResult } from "./uplink-health.ts";

/** A lost datagram is asked for again after so long, once. */
const NAME_AGAIN_MS = 700;
const NAME_TIMEOUT_MS = 1_500;
const PUBLIC_NAME_TIMEOUT_MS = 1_000;
const PAGE_TIMEOUT_MS = 2_500;
const DNS_PORT = 53;

export interface CheckRequest {
  device: string;
  /** The family of addresses that it has, IPv4 if both. */
  family: 4 | 6;
  /** Those asked this time, at once: one, or all where the last check failed. */
  targets: readonly URL[];
  /** The link's name servers; none where none are known: then broken names cannot be told. */
  resolvers: readonly string[];
  publicResolvers: readonly string[];
  /** Whether the router has not answered on the link; asked when nothing else has. */
  isRouterSilent(): Promise<boolean>;
}

export interface CheckMeans {
  ask: typeof askByDevice;
  /** A number of 16 bits that nobody can guess. */
  randomId(): number;
  timers: Timers;
}

/** Looks whether a way to the internet reaches something, by itself alone, whatever the routes say. */
export async function checkUplink(request: CheckRequest, means: CheckMeans): Promise<CheckResult> {
  const fromMs = means.timers.monotonicMs();
  const tries = request.targets.map((target) => tryTarget(target, request, means));
  const first = await firstReached(tries);
  if (first !== undefined)
    return {
      outcome: first.namesFail ? "no-names" : "reached",
      ...(first.namesFail ? {} : { rttMs: means.timers.monotonicMs() - fromMs }),
    };
  for (const { verdict } of await Promise.all(tries)) {
    if (verdict.kind === "captive") return { outcome: "captive", portalUrl: verdict.portalUrl };
  }
  return { outcome: (await request.isRouterSilent()) ? "router-silent" : "associated" };
}

interface Tried {
  verdict: ReachVerdict;
  /** The link's own name servers did not answer, and others did. */
  namesFail: boolean;
}

async function firstReached(tries: readonly Promise<Tried>[]): Promise<Tried | undefined> {
  const reached = tries.map(async (one) => {
    const tried = await one;
    if (tried.verdict.kind === "reached") return tried;
    throw new Error("not reached");
  });
  return await Promise.any(reached).catch(() => undefined);
}

async function tryTarget(target: URL, request: CheckRequest, means: CheckMeans): Promise<Tried> {
  const { device } = request;
  const { address, namesFail } = await addressOf(target, request, means);
  if (address === undefined) return { verdict: { kind: "broken" }, namesFail };
  const answer = await means.ask({
    ...{ device, protocol: "tcp", address, port: Number(target.port || 80), payload: reachRequest(target) },
    ...{ timeoutMs: PAGE_TIMEOUT_MS, isWhole: isWholeHead, maxBytes: MAX_ANSWER_BYTES, timers: means.timers },
  });
  const verdict: ReachVerdict =
    typeof answer === "string" ? { kind: "broken" } : reachVerdict(answer, target);
  return { verdict, namesFail };
}

async function addressOf(
  target: URL,
  { device, family, resolvers, publicResolvers }: CheckRequest,
  means: CheckMeans,
): Promise<{ address: string | undefined; namesFail: boolean }> {
  const host = target.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) return { address: host, namesFail: false };
  const own = lookUp(host, family, device, resolvers, means, [
    NAME_AGAIN_MS,
    NAME_TIMEOUT_MS - NAME_AGAIN_MS,
  ]);
  // Whoever has no answer for so long asks elsewhere too, rather than only after the last hope is gone.
  const isAnswered = await Promise.race([
    own.then((one) => one !== undefined),
    after(means.timers, NAME_AGAIN_MS),
  ]);
  const others = publicResolvers.filter((one) => isIP(one) === family);
  const other = isAnswered
    ? undefined
    : lookUp(host, family, device, others, means, [PUBLIC_NAME_TIMEOUT_MS]);
  const known = await own;
  if (known !== undefined) return { address: known, namesFail: false };
  return { address: await other, namesFail: resolvers.length > 0 };
}

const after = (timers: Timers, delayMs: number): Promise<false> =>
  new Promise((resolve) => void timers.after(delayMs, () => resolve(false)));

/** Asks all of some name servers, as often as there are waits. @returns the first address that one of them knows */
async function lookUp(
  name: string,
  family: 4 | 6,
  device: string,
  resolvers: readonly string[],
  { ask, randomId, timers }: CheckMeans,
  waitsMs: readonly number[],
): Promise<string | undefined> {
  const type = family === 4 ? "A" : "AAAA";
  const once = async (address: string, timeoutMs: number): Promise<string> => {
    const id = randomId();
    const answer = await ask({
      ...{ device, protocol: "udp", address, port: DNS_PORT, payload: nameQuestion(id, name, type) },
      ...{ timeoutMs, maxBytes: MAX_NAME_ANSWER_BYTES, timers },
      isWhole: (bytes) => nameAnswer(bytes, id, name, type) !== undefined,
    });
    const found = typeof answer === "string" ? [] : nameAnswer(answer, id, name, type);
    const [first] = found ?? [];
    if (first === undefined || isIP(first) !== family) throw new Error("no address");
    return first;
  };
  const tries = (address: string) =>
    waitsMs.reduce<Promise<string>>(
      (before, waitMs) => before.catch(() => once(address, waitMs)),
      Promise.reject(new Error("not asked yet")),
    );
  return await Promise.any(resolvers.map(tries)).catch(() => undefined);
}
