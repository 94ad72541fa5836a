import type { LabHost } from "../lab/lab.ts";
import { type Phone, withNetworkOf } from "../lab/swarm.ts";
import { WORLD } from "../lab/world.ts";
import type { Subject } from "./subject.ts";

/** The port of a phone's own https check. Gateways answer it before consent with a refusal, or not at all. */
const PORT = 443;
const KNOCK_EVERY_MS = 2;
const KNOCK_TIMEOUT_MS = 100;
const GIVE_UP_MS = 30_000;

/** Starts a server behind the uplink that takes TCP connections and says nothing. @returns what ends it. */
export function listenIn(world: LabHost): () => void {
  const listener = withNetworkOf(world, () =>
    Bun.listen({ hostname: WORLD, port: PORT, socket: { data: () => {} } }),
  );
  return () => listener.stop(true);
}

/**
 * From the sending of a phone's consent to the first TCP handshake with a server behind the uplink, in milliseconds,
 * to the nearest 2. The phone must not have consented before.
 * @throws when the phone gets through without consent, or not at all within 30 s.
 */
export async function consentToFirstPacket(subject: Subject, phone: Phone): Promise<number> {
  const consent = await subject.consentRequest(phone);
  const passes = await phone.connect(WORLD, PORT, KNOCK_TIMEOUT_MS).then(
    () => true,
    () => false,
  );
  if (passes) throw new Error(`${subject.name} lets ${phone.name} through without consent`);
  const sent = performance.now();
  const answered = phone.request(consent);
  const through = new Promise<number>((resolve, reject) => {
    const knock = () =>
      phone.connect(WORLD, PORT, KNOCK_TIMEOUT_MS).then(
        () => {
          clearInterval(timer);
          resolve(performance.now() - sent);
        },
        () => {
          if (performance.now() - sent < GIVE_UP_MS) return;
          clearInterval(timer);
          reject(new Error(`${subject.name} does not let ${phone.name} through`));
        },
      );
    const timer = setInterval(() => void knock(), KNOCK_EVERY_MS);
  });
  const [tookMs, response] = await Promise.all([through, answered]);
  if (response.status >= 400) throw new Error(`${subject.name} answers consent with ${response.status}`);
  return tookMs;
}
