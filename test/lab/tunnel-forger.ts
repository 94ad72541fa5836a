import { randomBytes } from "node:crypto";

/*
 * Somebody who knows a relay's ports and nothing else: sends random bytes, and packets that look like WireGuard's.
 * bun test/lab/tunnel-forger.ts ADDRESS PORT…
 */

/** Type and length of each kind of WireGuard packet. */
const KINDS = [
  [1, 148],
  [2, 92],
  [3, 64],
  [4, 32],
  [4, 1_312],
] as const;
const ROUNDS_PER_SECOND = 100;

const forged = ([type, length]: readonly [number, number]): Uint8Array => {
  const packet = randomBytes(length);
  packet.writeUInt32LE(type);
  return packet;
};

const [address = "", ...ports] = process.argv.slice(2);
const socket = await Bun.udpSocket({});
for (let round = 0; ; round++) {
  for (const port of ports.map(Number)) {
    for (const kind of KINDS) socket.send(forged(kind), port, address);
    socket.send(randomBytes(1 + (round % 1_400)), port, address);
  }
  if (round === 20) console.log("sent the first rounds");
  await Bun.sleep(1_000 / ROUNDS_PER_SECOND);
}
