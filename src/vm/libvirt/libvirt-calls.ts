import type { Pointer } from "bun:ffi";
import {
  cString,
  identityAt,
  type LibvirtLibrary,
  lastErrorOf,
  PointerRoom,
  pointerAt,
  pointerOf,
  textAt,
  viewAt,
} from "./libvirt-library.ts";
import {
  type CallName,
  DOMAIN_STATES,
  type DomainInfo,
  type DomainStats,
  type HeldDomain,
  type HostInfo,
  type LaneRequest,
  type LibvirtCalls,
} from "./libvirt-protocol.ts";
import { readTypedParameters, TYPED_PARAMETER_BYTES } from "./typed-parameters.ts";

/** A function of libvirt has failed. Its reason is taken at once: the next call to libvirt forgets it. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  constructor(readonly reason: { message: string; code: number; domain: number }) {
    super(reason.message);
  }
}

// libvirt-domain.h, libvirt-host.h
const START_PAUSED = 1;
const START_AUTODESTROY = 2;
const SAVE_PAUSED = 4;
const STATS_STATE = 1;
const STATS_CPU_TOTAL = 2;
const STATS_BALLOON = 4;
const STATS_BLOCK = 32;
const ONLY_ACTIVE = 1;
/** One domain whose QEMU does not answer must not hold up the figures of the others. */
const NO_WAIT = 1 << 29;

/** A daemon that hangs is given up after three of these, and calls to it fail. */
const KEEP_ALIVE_S = 5;
const KEEP_ALIVE_COUNT = 3;

type Result = LibvirtCalls[CallName]["result"];

/**
 * Does what was asked, on the calling thread, which it blocks.
 * @throws {CallFailed}
 */
export function perform(library: LibvirtLibrary, request: LaneRequest): Result {
  if (request.call === "open") return open(library, request.arguments.uri);
  const connection = request.connection;
  if (connection === undefined) throw new TypeError(`${request.call} needs a connection`);
  switch (request.call) {
    case "close":
      must(library, library.virConnectClose(connection));
      return undefined;
    case "host":
      return hostInfo(library, connection);
    case "list":
      return eachDomain(library, connection, (domain) => infoOf(library, domain));
    case "held":
      return eachDomain(library, connection, (domain) => heldOf(library, domain));
    case "stats":
      return stats(library, connection);
    case "xml":
      return withDomain(library, connection, request.arguments.name, (domain) => {
        const text = mustBeThere(library, library.virDomainGetXMLDesc(domain, 0));
        const xml = textAt(text);
        library.freeMemory(text);
        return xml;
      });
    case "create": {
      const { xml, isPaused, endsWithConnection } = request.arguments;
      const flags = (isPaused ? START_PAUSED : 0) | (endsWithConnection ? START_AUTODESTROY : 0);
      const domain = mustBeThere(library, library.virDomainCreateXML(connection, cString(xml), flags));
      try {
        return infoOf(library, domain);
      } finally {
        library.virDomainFree(domain);
      }
    }
    case "suspend":
      return withDomain(library, connection, request.arguments.name, (domain) =>
        must(library, library.virDomainSuspend(domain)),
      );
    case "resume":
      return withDomain(library, connection, request.arguments.name, (domain) =>
        must(library, library.virDomainResume(domain)),
      );
    case "destroy":
      return withDomain(library, connection, request.arguments.name, (domain) =>
        must(library, library.virDomainDestroyFlags(domain, 0)),
      );
    case "save": {
      const { name, path, staysPaused } = request.arguments;
      return withDomain(library, connection, name, (domain) =>
        must(library, library.virDomainSaveFlags(domain, cString(path), null, staysPaused ? SAVE_PAUSED : 0)),
      );
    }
    case "restore": {
      const { path, isPaused } = request.arguments;
      return must(
        library,
        library.virDomainRestoreFlags(connection, cString(path), null, isPaused ? SAVE_PAUSED : 0),
      );
    }
  }
}

function open(library: LibvirtLibrary, uri: string): Pointer {
  const connection = mustBeThere(library, library.virConnectOpen(cString(uri)));
  // Drivers without a daemon (test:///) have nothing to keep alive: 1 says so, and is no error.
  if (library.virConnectSetKeepAlive(connection, KEEP_ALIVE_S, KEEP_ALIVE_COUNT) < 0)
    library.virResetLastError();
  return connection;
}

function hostInfo(library: LibvirtLibrary, connection: Pointer): HostInfo {
  const version = new BigUint64Array(1);
  must(library, library.virConnectGetLibVersion(connection, version));
  const libvirtVersion = Number(version[0]);
  must(library, library.virConnectGetVersion(connection, version));
  // struct virNodeInfo: the model in 32 bytes, memory in KiB as an unsigned long, processors as an unsigned int.
  const info = new Uint8Array(32 + 8 + 8 * 4);
  must(library, library.virNodeGetInfo(connection, info));
  const view = new DataView(info.buffer);
  return {
    libvirtVersion,
    hypervisorVersion: Number(version[0]),
    model: new TextDecoder().decode(info.subarray(0, Math.max(0, info.indexOf(0)))),
    memoryKiB: Number(view.getBigUint64(32, true)),
    cpus: view.getUint32(40, true),
  };
}

/** One that ends meanwhile is left out. */
function eachDomain<T>(library: LibvirtLibrary, connection: Pointer, read: (domain: Pointer) => T): T[] {
  const room = new PointerRoom();
  const count = library.virConnectListAllDomains(connection, room.address, 0);
  must(library, count);
  const listed = room.value;
  if (listed === null) return [];
  const infos: T[] = [];
  for (let index = 0; index < count; index += 1) {
    const domain = pointerAt(listed, index * 8);
    if (domain === null) break;
    try {
      infos.push(read(domain));
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      library.virResetLastError();
    } finally {
      library.virDomainFree(domain);
    }
  }
  library.freeMemory(listed);
  return infos;
}

/** struct virDomainStatsRecord: the domain, its parameters, how many. */
function stats(library: LibvirtLibrary, connection: Pointer): DomainStats[] {
  const room = new PointerRoom();
  const groups = STATS_STATE | STATS_CPU_TOTAL | STATS_BALLOON | STATS_BLOCK;
  const count = library.virConnectGetAllDomainStats(connection, groups, room.address, ONLY_ACTIVE | NO_WAIT);
  must(library, count);
  const records = room.value;
  if (records === null) return [];
  const figures: DomainStats[] = [];
  for (let index = 0; index < count; index += 1) {
    const record = pointerAt(records, index * 8);
    const domain = record === null ? null : pointerAt(record, 0);
    const parameters = record === null ? null : pointerAt(record, 8);
    if (record === null || domain === null || parameters === null) continue;
    const length = viewAt(record, 24).getInt32(16, true);
    figures.push(
      figuresOf(
        identityAt(library, domain),
        readTypedParameters(viewAt(parameters, length * TYPED_PARAMETER_BYTES)),
      ),
    );
  }
  library.virDomainStatsRecordListFree(records);
  return figures;
}

/** Names of parameters: virConnectGetAllDomainStats in libvirt's reference. */
export function figuresOf(
  identity: { name: string; uuid: string },
  parameters: ReadonlyMap<string, number>,
): DomainStats {
  const hasDisk = parameters.has("block.0.rd.bytes");
  return {
    ...identity,
    state: DOMAIN_STATES[parameters.get("state.state") ?? 0] ?? "no state",
    cpuTimeNs: parameters.get("cpu.time") ?? 0,
    residentKiB: parameters.get("balloon.rss"),
    disk: hasDisk
      ? {
          readBytes: parameters.get("block.0.rd.bytes") ?? 0,
          writtenBytes: parameters.get("block.0.wr.bytes") ?? 0,
          fileBytes: parameters.get("block.0.physical") ?? 0,
        }
      : undefined,
  };
}

function infoOf(library: LibvirtLibrary, domain: Pointer): DomainInfo {
  const state = new Int32Array(2);
  must(library, library.virDomainGetState(domain, state, null, 0));
  return { ...identityAt(library, domain), state: DOMAIN_STATES[state[0] ?? 0] ?? "no state" };
}

/** struct virDomainInfo: the state in a byte, the most memory and that of now in KiB, processors, their time; 40 bytes. */
function heldOf(library: LibvirtLibrary, domain: Pointer): HeldDomain {
  const info = new Uint8Array(40);
  must(library, library.virDomainGetInfo(domain, info));
  const view = new DataView(info.buffer);
  return {
    ...identityAt(library, domain),
    state: DOMAIN_STATES[view.getUint8(0)] ?? "no state",
    cpus: view.getUint16(24, true),
    memoryKiB: Number(view.getBigUint64(16, true)),
  };
}

function withDomain<T>(
  library: LibvirtLibrary,
  connection: Pointer,
  name: string,
  action: (domain: Pointer) => T,
): T {
  const domain = mustBeThere(library, library.virDomainLookupByName(connection, cString(name)));
  try {
    return action(domain);
  } finally {
    library.virDomainFree(domain);
  }
}

function must(library: LibvirtLibrary, result: number): undefined {
  if (result < 0) throw new CallFailed(lastErrorOf(library));
}

function mustBeThere(library: LibvirtLibrary, value: bigint | Pointer | null): Pointer {
  const pointer = pointerOf(value);
  if (pointer === null) throw new CallFailed(lastErrorOf(library));
  return pointer;
}
