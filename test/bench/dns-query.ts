import type { Phone } from "../lab/swarm.ts";

const PORT = 53;
const TYPE_A = 1;
const CLASS_IN = 1;
const RECURSION_DESIRED = 0x0100;

/** How long a phone waits before it asks again. */
const RETRY_MS = 1_000;

/**
 * Asks a resolver for a name's IPv4 address, over UDP from a port of its own (RFC 1035), and again each second.
 * @returns undefined when the answer has none.
 * @throws when there is no answer in time.
 */
export async function lookUpFrom(
  phone: Phone,
  name: string,
  resolver: string,
  timeoutMs = 5_000,
): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const socket = await phone.inside(() =>
    Bun.udpSocket({
      connect: { hostname: resolver, port: PORT },
      socket: { data: (_, answer) => resolve(firstAddress(answer)) },
    }),
  );
  const timer = setTimeout(() => reject(new Error(`${phone.name}: no answer for ${name}`)), timeoutMs);
  const question = query(name);
  socket.send(question);
  const again = setInterval(() => socket.send(question), RETRY_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearInterval(again);
    socket.close();
  }
}

function query(name: string): Uint8Array {
  const labels = name.split(".").map((label) => Buffer.from(label, "latin1"));
  const header = Buffer.alloc(12);
  header.writeUInt16BE(Math.floor(Math.random() * 0x10000), 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  const question = labels.flatMap((label) => [Buffer.from([label.length]), label]);
  return Buffer.concat([header, ...question, Buffer.from([0, 0, TYPE_A, 0, CLASS_IN])]);
}

/** @returns the address of the first answer, where that is an A record right after the one question. */
function firstAddress(message: Buffer): string | undefined {
  if (message.length < 12 || message.readUInt16BE(6) === 0) return undefined;
  const afterQuestion = message.indexOf(0, 12) + 5;
  // The answer's name is a pointer to the question's: type, class, TTL and length follow.
  const record = message.subarray(afterQuestion);
  if (record.length < 16 || (record[0] ?? 0) < 0xc0 || record.readUInt16BE(2) !== TYPE_A) return undefined;
  return [...record.subarray(12, 16)].join(".");
}
