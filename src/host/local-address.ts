/** One route of `ip -json route get` (ip-route(8)). */
interface Route {
  prefsrc?: string;
}

const MAX_ANSWER_MS = 2_000;

/**
 * The address by which this machine is seen from another one: the one that the kernel sends from to it.
 * @param address IPv4 or IPv6, with no zone
 * @returns undefined where there is no way to it
 */
export function localAddressTo(address: string): string | undefined {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(address)) return undefined;
  const asked = Bun.spawnSync(["ip", "-json", "route", "get", address], {
    stdout: "pipe",
    stderr: "ignore",
    timeout: MAX_ANSWER_MS,
  });
  if (asked.exitCode !== 0) return undefined;
  return preferredSource(asked.stdout.toString());
}

/** @param text JSON as `ip` prints it; undefined where it names no source */
export function preferredSource(text: string): string | undefined {
  try {
    const [route] = JSON.parse(text) as Route[];
    return route?.prefsrc;
  } catch {
    return undefined;
  }
}
