import { isIPv6 } from "node:net";

const TIMEOUT_MS = 5_000;

/** Where the portal is asked, and how. */
export interface PortalDoors {
  /** The addresses at which it listens; one that answers is enough, as a network without IPv6 has none for it. */
  listens: readonly { address: string; port: number }[];
  /** The name by which guests call it: known to their resolver alone, and not to the box's own. */
  name: string;
  /** A path that is answered with a page while the portal can do its work. */
  path: string;
}

/** Whether the portal can do its work, as it says itself. */
export async function portalAnswers({ listens, name, path }: PortalDoors): Promise<boolean> {
  for (const { address, port } of listens) {
    const host = isIPv6(address) ? `[${address}]` : address;
    if (await answers(`http://${host}:${port}${path}`, name)) return true;
  }
  return false;
}

async function answers(url: string, name: string): Promise<boolean> {
  try {
    const response = await fetch(url, {
      headers: { host: name },
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}
