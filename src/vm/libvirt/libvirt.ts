import type { Pointer } from "bun:ffi";
import { CallLanes } from "./call-lanes.ts";
import { EventThread } from "./event-thread.ts";
import { LibvirtError } from "./libvirt-error.ts";
import type {
  CallName,
  DomainEvent,
  DomainInfo,
  DomainStats,
  HeldDomain,
  HostInfo,
  LibvirtCalls,
} from "./libvirt-protocol.ts";

export interface LibvirtOptions {
  /** Such as `qemu:///system`. */
  uri: string;
  /** In the order in which libvirt tells of them. */
  onEvent?(event: DomainEvent): void;
  /** The connection is lost. Domains that end with it end; whoever needs it connects anew, and looks what is there. */
  onClosed?(reason: string): void;
  /** For all that is done at once. Default 10,000. */
  callTimeoutMs?: number;
}

/** The first connection to a daemon waits until it has asked QEMU what it can do: 12 s on a small machine. */
const CONNECT_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 10_000;
/** With a machine's whole memory to write or to read, on a medium that may be an SD card. */
const STATE_TIMEOUT_MS = 120_000;
/** libvirt tries what each emulator can do before the first machine, for which a small board takes most of a minute. */
const START_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 30_000;

/**
 * One connection to libvirt. libvirt's functions block, so they run on threads of their own; each has a time-out.
 * All throw `LibvirtError` with libvirt's own words, `LibvirtTimeoutError` or `LibvirtUnavailableError`.
 */
export class Libvirt {
  private constructor(
    private readonly lanes: CallLanes,
    private readonly connection: Pointer,
    private readonly events: EventThread,
    private readonly callTimeoutMs: number,
  ) {}

  /** @throws also when libvirt is not installed (`LibvirtUnavailableError`) */
  static async connect(options: LibvirtOptions): Promise<Libvirt> {
    // Before the connection is made: libvirt takes only one that is made later into its loop.
    const events = await EventThread.running();
    const lanes = new CallLanes();
    let connection: Pointer | undefined;
    try {
      connection = await lanes.ask("open", undefined, { uri: options.uri }, CONNECT_TIMEOUT_MS);
      await events.listen(connection, {
        onEvent: (event) => options.onEvent?.(event),
        onClosed: (reason) => options.onClosed?.(reason),
      });
      return new Libvirt(lanes, connection, events, options.callTimeoutMs ?? CALL_TIMEOUT_MS);
    } catch (error) {
      if (connection !== undefined)
        await lanes.ask("close", connection, {}, CALL_TIMEOUT_MS).catch(() => undefined);
      lanes.close();
      throw error;
    }
  }

  /** Domains that were made to end with the connection are ended by libvirt. */
  async close(): Promise<void> {
    try {
      await this.events.forget(this.connection);
      await this.ask("close", {});
    } finally {
      this.lanes.close();
    }
  }

  host(): Promise<HostInfo> {
    return this.ask("host", {});
  }

  /** All domains, running or not, whoever made them. */
  list(): Promise<DomainInfo[]> {
    return this.ask("list", {});
  }

  /** As {@link list}, with what each has of the machine. */
  held(): Promise<HeldDomain[]> {
    return this.ask("held", {});
  }

  /** Of all that run. Costs one question to each QEMU; one that does not answer at once is told of in part. */
  stats(): Promise<DomainStats[]> {
    return this.ask("stats", {});
  }

  /** As libvirt sees it now, with all that it has added. */
  xml(name: string): Promise<string> {
    return this.ask("xml", { name });
  }

  /**
   * Starts a domain that is gone when it ends.
   * @param how paused: no instruction of the guest is run. endsWithConnection: libvirt ends it when this process
   * ends in whatever way; but not when libvirt itself was killed and started meanwhile.
   */
  create(xml: string, how: { isPaused: boolean; endsWithConnection: boolean }): Promise<DomainInfo> {
    return this.ask("create", { xml, ...how }, START_TIMEOUT_MS);
  }

  suspend(name: string): Promise<undefined> {
    return this.ask("suspend", { name });
  }

  resume(name: string): Promise<undefined> {
    return this.ask("resume", { name });
  }

  /**
   * Ends it at once. @returns whether there was one
   */
  async destroy(name: string): Promise<boolean> {
    try {
      await this.ask("destroy", { name }, END_TIMEOUT_MS);
      return true;
    } catch (error) {
      // VIR_ERR_OPERATION_INVALID: it has ended since it was looked up.
      if (error instanceof LibvirtError && (error.isNoDomain || error.code === 55)) return false;
      throw error;
    }
  }

  /**
   * Ends it with its state in a file, which says that it was paused, so that it is restored paused.
   * @param path absolute; libvirt writes it
   */
  save(name: string, path: string): Promise<undefined> {
    return this.ask("save", { name, path, staysPaused: true }, STATE_TIMEOUT_MS);
  }

  /** Brings it back, paused. It does not end with the connection: libvirt cannot promise that on restoring. */
  restore(path: string): Promise<undefined> {
    return this.ask("restore", { path, isPaused: true }, STATE_TIMEOUT_MS);
  }

  private ask<Name extends CallName>(
    call: Name,
    args: LibvirtCalls[Name]["arguments"],
    timeoutMs = this.callTimeoutMs,
  ): Promise<LibvirtCalls[Name]["result"]> {
    return this.lanes.ask(call, this.connection, args, timeoutMs);
  }
}
