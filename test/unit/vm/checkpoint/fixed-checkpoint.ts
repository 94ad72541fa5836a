import { type FileHandle, open, writeFile } from "node:fs/promises";
import { signingKey } from "../../../../src/identity/signing-key.ts";
import type { CheckpointHeader } from "../../../../src/vm/checkpoint/index.ts";
import {
  agreementPublicKey,
  type CheckpointHead,
  encodeCheckpointHead,
  sealCheckpoint,
  sealKey,
} from "../../../../src/vm/checkpoint/index.ts";
import { GUEST_LINK } from "../../../../src/vm/guest-link.ts";
import { fixedRequest, hex, requester } from "../request/fixed-request.ts";

export const box = signingKey(new Uint8Array(32).fill(31));
export const otherBox = signingKey(new Uint8Array(32).fill(32));
export const FILE_KEY = new Uint8Array(32).fill(9);

/** Always the same bytes, other ones each time that it is asked. */
export function countingBytes(seed = 1): (count: number) => Uint8Array {
  let next = seed;
  return (count) => Uint8Array.from({ length: count }, () => (next = (next * 73 + 41) % 251));
}

export const fixedHeader = (rest: Partial<CheckpointHeader> = {}): CheckpointHeader => ({
  id: fixedRequest().id,
  savedBy: hex(box.publicKey),
  requester: hex(requester.publicKey),
  sealedKey: sealKey(FILE_KEY, agreementPublicKey(hex(requester.publicKey)), "requester", countingBytes()),
  image: { name: "small", digest: "c1".repeat(32) },
  machine: {
    ...{ architecture: "x64", accelerator: "emulation" },
    ...{ type: "pc-q35-7.2", cpu: "Nehalem", qemu: 7_002_022 },
  },
  resources: { cpus: 1, memoryMiB: 256, diskMiB: 0 },
  leftS: 540,
  link: { ...GUEST_LINK },
  hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAT2i4oO1Dp4dr8s+EeYKjiXBIMEybcjIC25KtNPdpmn",
  stateBytes: 200_000,
  diskBytes: 0,
  ...rest,
});

/** Bytes of which no two pieces are the same. */
export const someBytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + (at >> 16)) & 255);

/** Seals what is said into a file. */
export async function sealed(
  folder: string,
  header: CheckpointHeader,
  state: Uint8Array,
  disk?: Uint8Array,
  key = box,
): Promise<{ path: string; head: CheckpointHead }> {
  const path = `${folder}/${header.id}.${state.length}.sealed`;
  const files: FileHandle[] = [];
  const run = async (name: string, bytes: Uint8Array) => {
    await writeFile(`${folder}/${name}`, bytes);
    const file = await open(`${folder}/${name}`, "r");
    files.push(file);
    return { file, from: 0, bytes: bytes.length };
  };
  const head = encodeCheckpointHead({
    ...header,
    ...{ stateBytes: state.length, diskBytes: disk?.length ?? 0 },
  });
  try {
    const runs = { state: await run("state", state), disk: disk && (await run("disk", disk)) };
    await sealCheckpoint(path, head, runs, FILE_KEY, key);
  } finally {
    for (const file of files) await file.close();
  }
  return { path, head };
}
