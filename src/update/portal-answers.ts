import { isIPv6 } from "node:net";

const TIMEOUT_MS = 5_000;

/** Where the portal is asked. */
export interface PortalDoor {
  /** An address at which it listens; the name by which guests call it is known to their resolver alone, and not to the box's own. */
  address: string;
  port: number;
}

/**
 * Whether the portal gives its page to who asks for it by the guests' name.
 * @param doors one that answers is enough: a network without IPv6 has none for it
 */
export async function portalAnswers(doors: readonly PortalDoor[], name: string): Promise<boolean> {
  for (const { address, port } of doors) {
    const host = isIPv6(address) ? `[${address}]` : address;
    if (await answers(`http://${host}:${port}/`, name)) return true;
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
    return response.status < 400;
  } catch {
    return false;
  }
}
