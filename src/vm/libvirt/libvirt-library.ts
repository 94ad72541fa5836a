import { CString, dlopen, FFIType, type Pointer, ptr, read, toArrayBuffer } from "bun:ffi";

/**
 * libvirt's C library by bun:ffi. The binding for Node (@unraid/libvirt) has no flags on creating, saving and
 * restoring, no events and no statistics, and is built on the machine with a compiler and libvirt's headers, which a
 * box need not have; so all of it is asked here, by one way. What the binding has is used where it is (`held/`).
 */
function openLibrary() {
  const { i32, u32, ptr: pointer } = FFIType;
  return dlopen("libvirt.so.0", {
    virInitialize: { args: [], returns: i32 },
    virSetErrorFunc: { args: [pointer, pointer], returns: FFIType.void },
    virGetLastError: { args: [], returns: pointer },
    virResetLastError: { args: [], returns: FFIType.void },
    virGetVersion: { args: [pointer, pointer, pointer], returns: i32 },
    virEventRegisterDefaultImpl: { args: [], returns: i32 },
    virEventRunDefaultImpl: { args: [], returns: i32 },
    virEventAddTimeout: { args: [i32, pointer, pointer, pointer], returns: i32 },
    virConnectOpen: { args: [pointer], returns: pointer },
    virConnectClose: { args: [pointer], returns: i32 },
    virConnectSetKeepAlive: { args: [pointer, i32, u32], returns: i32 },
    virConnectGetVersion: { args: [pointer, pointer], returns: i32 },
    virConnectGetLibVersion: { args: [pointer, pointer], returns: i32 },
    virNodeGetInfo: { args: [pointer, pointer], returns: i32 },
    virConnectListAllDomains: { args: [pointer, pointer, u32], returns: i32 },
    virConnectGetAllDomainStats: { args: [pointer, u32, pointer, u32], returns: i32 },
    virDomainStatsRecordListFree: { args: [pointer], returns: FFIType.void },
    virConnectDomainEventRegisterAny: {
      args: [pointer, pointer, i32, pointer, pointer, pointer],
      returns: i32,
    },
    virConnectDomainEventDeregisterAny: { args: [pointer, i32], returns: i32 },
    virConnectRegisterCloseCallback: { args: [pointer, pointer, pointer, pointer], returns: i32 },
    virConnectUnregisterCloseCallback: { args: [pointer, pointer], returns: i32 },
    virDomainLookupByName: { args: [pointer, pointer], returns: pointer },
    virDomainGetName: { args: [pointer], returns: pointer },
    virDomainGetUUIDString: { args: [pointer, pointer], returns: i32 },
    virDomainGetState: { args: [pointer, pointer, pointer, u32], returns: i32 },
    virDomainGetInfo: { args: [pointer, pointer], returns: i32 },
    virDomainGetXMLDesc: { args: [pointer, u32], returns: pointer },
    virDomainCreateXML: { args: [pointer, pointer, u32], returns: pointer },
    virDomainSuspend: { args: [pointer], returns: i32 },
    virDomainResume: { args: [pointer], returns: i32 },
    virDomainDestroyFlags: { args: [pointer, u32], returns: i32 },
    virDomainSaveFlags: { args: [pointer, pointer, pointer, u32], returns: i32 },
    virDomainRestoreFlags: { args: [pointer, pointer, pointer, u32], returns: i32 },
    virDomainFree: { args: [pointer], returns: i32 },
  }).symbols;
}

function openLibc() {
  const { ptr: pointer } = FFIType;
  return dlopen("libc.so.6", {
    free: { args: [pointer], returns: FFIType.void },
    dlsym: { args: [pointer, pointer], returns: pointer },
  }).symbols;
}

export type LibvirtLibrary = ReturnType<typeof openLibrary> & { freeMemory(memory: Pointer): void };

/**
 * Opens the library for the calling thread, which may then call it.
 * @throws the loader's error where it is not installed
 */
export function loadLibvirt(): LibvirtLibrary {
  const library = openLibrary();
  const libc = openLibc();
  if (library.virInitialize() < 0) throw new Error("libvirt cannot be initialised");
  // libvirt prints each error to standard error unless told what to call. It must be C, for any of its threads may
  // call it: abs(3) does nothing with what it is given.
  const nothing = pointerOf(libc.dlsym(null, cString("abs")));
  if (nothing !== null) library.virSetErrorFunc(null, nothing);
  return Object.assign({ ...library }, { freeMemory: (memory: Pointer) => libc.free(memory) });
}

export function cString(text: string): Uint8Array {
  if (text.includes("\0")) throw new TypeError("text with a zero in it cannot be handed to libvirt");
  return new TextEncoder().encode(`${text}\0`);
}

/** What a C function returned; a process's addresses have 48 bits on x86-64 and arm64, so that a number holds them. */
export function pointerOf(value: bigint | Pointer | null): Pointer | null {
  const address = Number(value ?? 0);
  return address === 0 ? null : (address as Pointer);
}

export function textAt(value: bigint | Pointer | null): string {
  const address = pointerOf(value);
  return address === null ? "" : String(new CString(address));
}

/** The calling thread's last error. Of struct virError: code and domain, both int, and message, char pointer. */
export function lastErrorOf(library: LibvirtLibrary): { message: string; code: number; domain: number } {
  const error = pointerOf(library.virGetLastError());
  if (error === null) return { message: "no reason was given", code: 0, domain: 0 };
  return {
    code: read.i32(error, 0),
    domain: read.i32(error, 4),
    message: textAt(pointerAt(error, 8)),
  };
}

export function pointerAt(address: Pointer, offset: number): Pointer | null {
  return pointerOf(BigInt(read.ptr(address, offset)));
}

/** Room for one pointer that a function of libvirt fills in. */
export class PointerRoom {
  private readonly room = new BigUint64Array(1);
  readonly address = ptr(this.room);

  get value(): Pointer | null {
    return pointerOf(this.room[0] ?? 0n);
  }
}

const UUID_BYTES = 37;

/** Name and UUID of a domain. */
export function identityAt(library: LibvirtLibrary, domain: Pointer): { name: string; uuid: string } {
  const uuid = new Uint8Array(UUID_BYTES);
  const isKnown = library.virDomainGetUUIDString(domain, uuid) === 0;
  return {
    name: textAt(library.virDomainGetName(domain)),
    uuid: isKnown ? new TextDecoder().decode(uuid.subarray(0, UUID_BYTES - 1)) : "",
  };
}

export function viewAt(address: Pointer, bytes: number): DataView {
  return new DataView(toArrayBuffer(address, 0, bytes));
}
