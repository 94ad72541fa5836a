import { existsSync, rmSync } from "node:fs";
import { run, tryRun } from "../../host/run.ts";
import { OverlayError } from "./overlay-error.ts";

/** A file on a medium, seen through a key that is in the kernel's memory and nowhere else. */
export interface EncryptedVolume {
  /** The file with what looks like noise. */
  file: string;
  /** Of the device mapper: "/dev/mapper/NAME" is what is readable. */
  name: string;
}

/** 512 bits: two keys of AES-256, for XTS. */
const KEY_BYTES = 64;
const CIPHER = "aes-xts-plain64";
const SECTOR_BYTES = 512;
/** On a cold kernel modules are loaded first, and a slow medium is written to. */
const TIMEOUT_MS = 60_000;
const PATIENT = { timeoutMs: TIMEOUT_MS };

export const mapperPath = (name: string): string => `/dev/mapper/${name}`;

/** Why this machine cannot encrypt a disk; undefined when it can. Loads the kernel's module where it is one. */
export async function encryptionProblem(): Promise<string | undefined> {
  for (const program of ["dmsetup", "losetup", "mkfs.ext4", "fallocate"])
    if (!Bun.which(program, { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` }))
      return `${program} is not installed`;
  await tryRun(["modprobe", "-q", "dm-crypt"], PATIENT);
  const { exitCode, stdout } = await tryRun(["dmsetup", "targets"], PATIENT);
  if (exitCode !== 0) return "this kernel has no device mapper";
  return /^crypt\s/m.test(stdout) ? undefined : "this kernel has no dm-crypt";
}

/**
 * Makes the file, with all of its size reserved, and opens it with a new key. The key goes from random memory through a
 * pipe into the kernel: it is in no file, no argument and no environment, and nobody can open the volume again.
 * @throws {OverlayError} what was made of it by then is removed
 */
export async function openVolume(
  { file, name }: EncryptedVolume,
  sizeMiB: number,
  randomBytes: (count: number) => Uint8Array,
): Promise<void> {
  if (existsSync(file)) throw new OverlayError(`${file} is there already`);
  try {
    await run(["fallocate", "--length", `${sizeMiB}MiB`, file], PATIENT);
    const device = (await run(["losetup", "--find", "--show", file], PATIENT)).trim();
    await createMapping(name, device, (sizeMiB * 1_048_576) / SECTOR_BYTES, randomBytes);
    // dmsetup leaves that to udev, which is not everywhere.
    if (!existsSync(mapperPath(name))) await run(["dmsetup", "mknodes", name], PATIENT);
    const quick = ["-O", "^has_journal", "-m", "0", "-N", "16", "-E", "nodiscard"];
    await run(["mkfs.ext4", "-q", "-F", ...quick, mapperPath(name)], PATIENT);
  } catch (error) {
    await closeVolume({ file, name });
    throw new OverlayError(`${file}: no encrypted volume: ${error instanceof Error ? error.message : error}`);
  }
}

/** dmsetup(8) reads a table from its input: "start length crypt cipher key iv-offset device offset" (dm-crypt.rst). */
async function createMapping(
  name: string,
  device: string,
  sectors: number,
  randomBytes: (count: number) => Uint8Array,
): Promise<void> {
  const key = randomBytes(KEY_BYTES);
  const table = Buffer.alloc(512);
  let length = table.write(`0 ${sectors} crypt ${CIPHER} `);
  // Written byte by byte: a text in JavaScript could not be overwritten.
  for (const byte of key) {
    table[length++] = HEX.charCodeAt(byte >> 4);
    table[length++] = HEX.charCodeAt(byte & 15);
  }
  length += table.write(` 0 ${device} 0\n`, length);
  try {
    const child = Bun.spawn(["dmsetup", "create", name], {
      stdin: table.subarray(0, length),
      stdout: "ignore",
      stderr: "pipe",
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const said = new Response(child.stderr).text();
    if ((await child.exited) !== 0) throw new OverlayError(`dmsetup create ${name}: ${(await said).trim()}`);
  } finally {
    table.fill(0);
    key.fill(0);
  }
}
const HEX = "0123456789abcdef";

/**
 * Takes the key out of the kernel: from then on nobody can read what is on the medium. Whoever still has the volume
 * open, a file system or a virtual machine, gets errors. Nothing happens where there is no such mapping, or no key any more.
 */
export async function forgetKey(name: string): Promise<void> {
  if (!/ crypt /.test((await tryRun(["dmsetup", "table", name], PATIENT)).stdout)) return;
  // A key can be wiped only while nothing passes (dm-crypt.rst); what waits to be written need not be.
  await run(["dmsetup", "suspend", "--noflush", "--nolockfs", name], PATIENT);
  await run(["dmsetup", "message", name, "0", "key", "wipe"], PATIENT);
  // In its place comes a table that answers everything with an error, so that nothing waits for ever.
  await run(["dmsetup", "wipe_table", "--noflush", "--nolockfs", name], PATIENT);
}

/** The key first, then the mapping, then the file. What is mounted of it is to be unmounted between {@link forgetKey} and this. */
export async function closeVolume({ file, name }: EncryptedVolume): Promise<void> {
  // Read before the table goes: somebody may have deleted the file, which its loop device then has still.
  const devices = new Set([...(await loopBeneath(name)), ...(await loopsOf(file))]);
  await forgetKey(name);
  if (await isMapped(name)) {
    const { exitCode } = await tryRun(["dmsetup", "remove", "--retry", name], PATIENT);
    // Somebody has it open: without a key, and it goes when they close it.
    if (exitCode !== 0) await run(["dmsetup", "remove", "--deferred", name], PATIENT);
  }
  rmSync(mapperPath(name), { force: true });
  for (const device of devices) await run(["losetup", "--detach", device], PATIENT);
  rmSync(file, { force: true });
}

/** @returns names of mappings that begin so */
export async function mappings(prefix: string): Promise<string[]> {
  const { exitCode, stdout } = await tryRun(["dmsetup", "ls"], PATIENT);
  if (exitCode !== 0) return [];
  return stdout
    .split("\n")
    .map((line) => line.split("\t")[0] ?? "")
    .filter((name) => name.startsWith(prefix));
}

const isMapped = async (name: string): Promise<boolean> =>
  (await tryRun(["dmsetup", "info", name], PATIENT)).exitCode === 0;

/** The major number of loop devices (devices.txt). */
const LOOP = 7;

async function loopBeneath(name: string): Promise<string[]> {
  const { stdout } = await tryRun(["dmsetup", "table", name], PATIENT);
  const [, major, minor] = / crypt \S+ \S+ \d+ (\d+):(\d+) /.exec(stdout) ?? [];
  return Number(major) === LOOP ? [`/dev/loop${minor}`] : [];
}

async function loopsOf(file: string): Promise<string[]> {
  if (!existsSync(file)) return [];
  const listed = await run(["losetup", "--noheadings", "--output", "NAME", "--associated", file], PATIENT);
  return listed
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
