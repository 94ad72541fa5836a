import { dlopen, FFIType, type Pointer, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";

function openLibc() {
  const { i32, u64, i64, ptr } = FFIType;
  return dlopen("libc.so.6", {
    // Variadic in C; on arm64 and x86-64 Linux its third argument goes where a named one would (AAPCS64, SysV ABI).
    ioctl: { args: [i32, u64, ptr], returns: i32 },
    write: { args: [i32, ptr, u64], returns: i64 },
    flock: { args: [i32, i32], returns: i32 },
    __errno_location: { args: [], returns: ptr },
  }).symbols;
}

let symbols: ReturnType<typeof openLibc> | undefined;

/** Loaded at the first use, so that a box without a radio does without. */
export function libc(): ReturnType<typeof openLibc> {
  symbols ??= openLibc();
  return symbols;
}

/**
 * Why the last call failed, for the statement right after it. Nothing but another failing call changes it (errno(3)).
 */
export function lastErrno(): number {
  const location = libc().__errno_location();
  return location === null ? 0 : read.i32(location);
}

/** A system call failed. `code` is the name that errno(3) gives the number. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: string;
  constructor(
    readonly call: string,
    readonly errno: number,
  ) {
    const code = errno > 0 ? getSystemErrorName(-errno) : "unknown error";
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/**
 * ioctl(2) with a structure that the kernel reads or fills, or with a plain number.
 * @throws {SystemError} named after `name`
 */
export function ioctl(
  descriptor: number,
  name: string,
  request: number,
  argument: Uint8Array | number,
): void {
  // A number travels in the same register as a pointer.
  const third = typeof argument === "number" ? (argument as Pointer) : argument;
  if (libc().ioctl(descriptor, request, third) < 0) throw new SystemError(name, lastErrno());
}
