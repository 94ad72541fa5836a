import type { Pointer } from "bun:ffi";

/** virDomainState, in its order. */
export const DOMAIN_STATES = [
  "no state",
  "running",
  "blocked",
  "paused",
  "shutting down",
  "shut off",
  "crashed",
  "asleep",
] as const;
export type DomainState = (typeof DOMAIN_STATES)[number];

export interface DomainInfo {
  name: string;
  uuid: string;
  state: DomainState;
}

/** With what it has of the machine. */
export interface HeldDomain extends DomainInfo {
  cpus: number;
  /** That it has now. */
  memoryKiB: number;
}

/** Counted by libvirt since the domain was started. What goes over its network is counted in its namespace. */
export interface DomainStats extends DomainInfo {
  /** Of all its threads, QEMU's own among them. */
  cpuTimeNs: number;
  /** Host memory that it holds; undefined while it cannot be told. */
  residentKiB: number | undefined;
  disk:
    | {
        readBytes: number;
        writtenBytes: number;
        /** What its overlay takes. */
        fileBytes: number;
      }
    | undefined;
}

export interface HostInfo {
  /** Such as 9000000 for 9.0.0. */
  libvirtVersion: number;
  /** QEMU's. */
  hypervisorVersion: number;
  /** In libvirt's words: x86_64, aarch64. */
  model: string;
  memoryKiB: number;
  /** That are on. */
  cpus: number;
}

/** What can be asked of libvirt: the arguments, and what comes back. */
export interface LibvirtCalls {
  open: { arguments: { uri: string }; result: Pointer };
  close: { arguments: Record<string, never>; result: undefined };
  host: { arguments: Record<string, never>; result: HostInfo };
  list: { arguments: Record<string, never>; result: DomainInfo[] };
  held: { arguments: Record<string, never>; result: HeldDomain[] };
  stats: { arguments: Record<string, never>; result: DomainStats[] };
  xml: { arguments: { name: string }; result: string };
  create: { arguments: { xml: string; isPaused: boolean; endsWithConnection: boolean }; result: DomainInfo };
  suspend: { arguments: { name: string }; result: undefined };
  resume: { arguments: { name: string }; result: undefined };
  destroy: { arguments: { name: string }; result: undefined };
  save: { arguments: { name: string; path: string; staysPaused: boolean }; result: undefined };
  restore: { arguments: { path: string; isPaused: boolean }; result: undefined };
}
export type CallName = keyof LibvirtCalls;

/** To a thread that calls libvirt. */
export type LaneRequest = {
  [Name in CallName]: {
    id: number;
    /** Undefined for `open`. */
    connection: Pointer | undefined;
    call: Name;
    arguments: LibvirtCalls[Name]["arguments"];
  };
}[CallName];

/** From it. */
export type LaneReply =
  | { id: number; result: LibvirtCalls[CallName]["result"] }
  | { id: number; error: { message: string; code: number; domain: number } }
  /** libvirt itself is not there. */
  | { id: number; unavailable: string };

/** virDomainEventType, in its order. */
export const EVENT_KINDS = [
  "defined",
  "undefined",
  "started",
  "suspended",
  "resumed",
  "stopped",
  "shutdown",
  "pm-suspended",
  "crashed",
] as const;

/** virDomainEventStoppedDetailType, in its order. */
export const STOPPED_DETAILS = [
  "shut down",
  "destroyed",
  "crashed",
  "migrated",
  "saved",
  "failed",
  "from a snapshot",
] as const;

/** virDomainEventSuspendedDetailType, in its order. */
export const SUSPENDED_DETAILS = [
  "asked",
  "migrated",
  "I/O error",
  "watchdog",
  "restored",
  "from a snapshot",
  "API error",
  "post-copy",
  "post-copy failed",
] as const;

export interface DomainEvent {
  name: string;
  uuid: string;
  kind: (typeof EVENT_KINDS)[number] | "unknown";
  /** For `stopped` and `suspended` why; otherwise libvirt's number. */
  detail: string;
}

/** To the thread that waits for events. */
export type EventRequest =
  | { listen: Pointer; id: number }
  /** All that it has of the connection is given back. */
  | { forget: Pointer; id: number };

/** From it. */
export type EventReply =
  | { ready: true }
  | { unavailable: string }
  | { id: number; done: true }
  | { id: number; error: { message: string; code: number; domain: number } }
  | { connection: Pointer; event: DomainEvent }
  /** virConnectCloseReason, in its order: error, end of file, keep-alive, client. */
  | { connection: Pointer; closed: number };
