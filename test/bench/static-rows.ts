import type { LabHost } from "../lab/lab.ts";
import type { PhonePage } from "../lab/swarm.ts";
import type { BenchContext } from "./bench.ts";
import { LATENCY_LIMIT_MS } from "./load-report.ts";
import { type BenchRow, benchRow, type Goal } from "./report.ts";
import { median } from "./samples.ts";
import { MOST_PHONES, type Stand } from "./stand.ts";
import { startStaticServer } from "./static-page.ts";
import { type WrkPlan, type WrkResult, wrk } from "./wrk.ts";

/** What wrk loads. */
interface Target {
  name: string;
  from: LabHost;
  url: string;
  headers?: Record<string, string>;
}

const KEPT = { seconds: 3, connections: 32 };
/** A new connection for every page. */
const FRESH = { seconds: 3, connections: MOST_PHONES, newConnections: true };
const ROUNDS = 3;
/** nginx's `worker_processes auto` on this kind of machine, and one. */
const WORKERS = { auto: 2, one: 1 };

/** The page that a phone sees first, made for it each time, beside the same bytes as a file; wrk loads both. */
export async function staticRows(context: BenchContext, { subject, phones }: Stand): Promise<BenchRow[]> {
  const phone = phones[MOST_PHONES - 1];
  if (phone === undefined) throw new Error(`${subject.name} has no phone ${MOST_PHONES - 1}`);
  const page = await subject.fetchPage(phone);
  const nginx = await startStaticServer(context.lab, page.response.body, Object.values(WORKERS));
  const portal: Target = { name: subject.name, from: phone, ...address(page) };
  const file = (workers: number): Target => ({
    name: `nginx, ${workers} ${workers === 1 ? "worker" : "workers"}, static file`,
    from: nginx.phone,
    url: nginx.url(workers),
  });
  const [auto, one] = [file(WORKERS.auto), file(WORKERS.one)];
  const kept = await alternate(context, KEPT, [portal, auto, one]);
  const fresh = await alternate(context, FRESH, [portal, auto]);
  return [
    keptRow(kept, portal, auto, { of: "ratio", atLeast: 0.5 }),
    keptRow(kept, portal, one),
    ...freshRows(of(fresh, portal), of(fresh, auto), auto),
  ];
}

/** Loads all targets in turn, several times. @returns the medians of each. */
async function alternate(
  context: BenchContext,
  plan: Omit<WrkPlan, "url">,
  targets: readonly Target[],
): Promise<Map<Target, WrkResult>> {
  const results = new Map(targets.map((target): [Target, WrkResult[]] => [target, []]));
  for (let round = 1; round <= (context.quick ? 1 : ROUNDS); round++) {
    for (const [{ name, from, ...target }, soFar] of results) {
      const result = await wrk(from, { ...plan, ...target });
      soFar.push(result);
      const { requestsPerSecond, p50Ms, p99Ms, repeatedHandshakes } = result;
      const kind = plan.newConnections ? "new connections" : "keep-alive";
      context.progress(
        `wrk, ${kind}, round ${round}: ${name}: ${requestsPerSecond} pages/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${repeatedHandshakes} handshakes repeated`,
      );
    }
  }
  return new Map([...results].map(([target, rounds]) => [target, together(rounds)]));
}

function together(rounds: readonly WrkResult[]): WrkResult {
  return {
    requestsPerSecond: median(rounds.map((round) => round.requestsPerSecond)),
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
    repeatedHandshakes: rounds.reduce((sum, round) => sum + round.repeatedHandshakes, 0),
  };
}

function of(results: ReadonlyMap<Target, WrkResult>, target: Target): WrkResult {
  const result = results.get(target);
  if (result === undefined) throw new Error(`${target.name} was not measured`);
  return result;
}

function keptRow(
  results: ReadonlyMap<Target, WrkResult>,
  portal: Target,
  file: Target,
  goal?: Goal,
): BenchRow {
  return benchRow({
    name: `pages, kept connections, ${KEPT.connections} at once, wrk`,
    unit: "pages/s",
    ours: of(results, portal).requestsPerSecond,
    reference: of(results, file).requestsPerSecond,
    referenceName: file.name,
    ...(goal === undefined ? {} : { goal }),
  });
}

function freshRows(ours: WrkResult, reference: WrkResult, { name: referenceName }: Target): BenchRow[] {
  const at = `, a new connection a page, ${FRESH.connections} at once, wrk`;
  return [
    benchRow({
      name: `pages${at}`,
      unit: "pages/s",
      ours: ours.requestsPerSecond,
      reference: reference.requestsPerSecond,
      referenceName,
    }),
    benchRow({ name: `p50${at}`, unit: "ms", ours: ours.p50Ms, reference: reference.p50Ms, referenceName }),
    benchRow({
      name: `p99${at}`,
      unit: "ms",
      ours: ours.p99Ms,
      reference: reference.p99Ms,
      referenceName,
      goal: { of: "ours", below: LATENCY_LIMIT_MS },
    }),
    // Seconds that no latency shows; as long as they are fewer than 1 in 100 pages, the p99 stands.
    benchRow({
      name: `handshakes repeated${at}`,
      unit: "times",
      ours: ours.repeatedHandshakes,
      reference: reference.repeatedHandshakes,
      referenceName,
    }),
  ];
}

function address({ request }: PhonePage): Pick<Target, "url" | "headers"> {
  return {
    url: `http://${request.address}:${request.port ?? 80}${request.path ?? "/"}`,
    headers: { ...request.headers, Host: request.host ?? request.address },
  };
}
