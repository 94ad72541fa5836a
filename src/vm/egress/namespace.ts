import { readdirSync } from "node:fs";
import { type RunResult, run, tryRun } from "../../host/run.ts";

/** Where ip-netns(8) keeps them. */
const FOLDER = "/run/netns";

/**
 * A command inside a namespace. Not `ip netns exec`, which besides mounts a /sys without the control groups over the
 * command's own.
 */
export const inside = (namespace: string, ...command: string[]): string[] => [
  "nsenter",
  `--net=${FOLDER}/${namespace}`,
  "--",
  ...command,
];

export const namespaces = (): string[] => {
  try {
    return readdirSync(FOLDER);
  } catch {
    return [];
  }
};

/** Lines of a shell script that ends with the first that fails. */
export const runInside = (namespace: string, lines: readonly string[]): Promise<string> =>
  run(inside(namespace, "sh", "-e"), { input: `${lines.join("\n")}\n` });

export const tryInside = (namespace: string, ...command: string[]): Promise<RunResult> =>
  tryRun(inside(namespace, ...command));

/** Kernel parameters. Those of IPv6 are left out where the kernel has none. */
export const parameterLines = (parameters: readonly (readonly [string, string])[]): string[] =>
  parameters.map(([name, value]) => {
    const set = `echo ${value} > /proc/sys/${name}`;
    return name.startsWith("net/ipv6/") ? `if [ -d /proc/sys/net/ipv6 ]; then ${set}; fi` : set;
  });

/** One run of `ip` or `tc` for many lines. */
export const batchLines = (program: "ip" | "tc", lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`${program} -batch - <<'END'`, ...lines, "END"];
