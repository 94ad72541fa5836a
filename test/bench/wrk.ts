import { readFileSync } from "node:fs";
import type { LabHost } from "../lab/lab.ts";
import { withNetworkOf } from "../lab/swarm.ts";

export interface WrkPlan {
  url: string;
  headers?: Record<string, string>;
  seconds: number;
  connections: number;
  /** A new TCP connection for every request; without it, connections are kept. */
  newConnections?: boolean;
}

/** wrk's latencies run from the sending of a request to the end of its answer; a handshake before it is not in them. */
export interface WrkResult {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Handshakes that a client had to begin again, after a second or more. */
  repeatedHandshakes: number;
}

/**
 * Loads one address with wrk (one thread) from a host of the lab.
 * @throws when an answer was an error, since errors are served faster than pages, when a connection failed, and when
 * connections were kept against the plan.
 */
export async function wrk(from: LabHost, plan: WrkPlan): Promise<WrkResult> {
  const headers = { ...plan.headers, ...(plan.newConnections ? { Connection: "close" } : {}) };
  const options = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const before = handshakesOf(from);
  const output = await from.run(
    [
      ...["wrk", "-t1", `-c${plan.connections}`, `-d${plan.seconds}s`, "--latency", "--timeout", "10s"],
      ...options,
      plan.url,
    ],
    { timeoutMs: plan.seconds * 1_000 + 20_000 },
  );
  const after = handshakesOf(from);
  const figure = (pattern: RegExp): string => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`wrk ${plan.url}: ${pattern} is not in: ${output}`);
    return found;
  };
  const requests = Number(figure(/^\s*(\d+) requests in /m));
  const begun = after.begun - before.begun;
  // Bun closes a connection as it was asked to, without `Connection: close` in its answer, which wrk counts as a read
  // error after a whole answer. That no answer was cut short shows in the number of connections: one a page.
  const excused = plan.newConnections ? /Socket errors: connect 0, read \d+, write 0, timeout 0/ : "";
  if (/Non-2xx|Socket errors/.test(output.replace(excused, "")))
    throw new Error(`wrk ${plan.url}: ${output}`);
  if (plan.newConnections && (begun < requests || begun > requests + 2 * plan.connections))
    throw new Error(`wrk ${plan.url}: ${begun} connections for ${requests} pages: ${output}`);
  return {
    requestsPerSecond: Number(figure(/^Requests\/sec:\s+([\d.]+)$/m)),
    p50Ms: milliseconds(figure(/^\s*50%\s+(\S+)$/m)),
    p99Ms: milliseconds(figure(/^\s*99%\s+(\S+)$/m)),
    repeatedHandshakes: after.repeated - before.repeated,
  };
}

/** @param time as wrk prints it: `1.23ms`. */
function milliseconds(time: string): number {
  const scale = new Map([
    ["us", 0.001],
    ["ms", 1],
    ["s", 1_000],
    ["m", 60_000],
  ]).get(time.replace(/^[\d.]+/, ""));
  if (scale === undefined) throw new Error(`wrk: not a time: ${time}`);
  return Number.parseFloat(time) * scale;
}

/** How many TCP handshakes a host has begun, and how many SYNs it had to repeat. Source: RFC 4022, kernel's snmp_counter.rst. */
function handshakesOf(host: LabHost): { begun: number; repeated: number } {
  // /proc/net is the process's namespace, which is the main thread's.
  const [snmp, netstat] = withNetworkOf(host, () =>
    ["snmp", "netstat"].map((file) => readFileSync(`/proc/thread-self/net/${file}`, "utf8")),
  );
  return {
    begun: counter(snmp, "Tcp", "ActiveOpens"),
    repeated: counter(netstat, "TcpExt", "TCPSynRetrans"),
  };
}

/** A counter of a /proc/net file in which each group has a line of names and then one of values. */
function counter(text: string | undefined, group: string, name: string): number {
  const [names, values] = (text ?? "")
    .split("\n")
    .filter((line) => line.startsWith(`${group}:`))
    .map((line) => line.split(" "));
  const value = values?.[names?.indexOf(name) ?? -1];
  if (value === undefined) throw new Error(`the kernel has no counter ${group}.${name}`);
  return Number(value);
}
