import { FFIType, JSCallback, type Pointer } from "bun:ffi";
import { identityAt, type LibvirtLibrary, lastErrorOf, loadLibvirt } from "./libvirt-library.ts";
import {
  type DomainEvent,
  EVENT_KINDS,
  type EventReply,
  type EventRequest,
  STOPPED_DETAILS,
  SUSPENDED_DETAILS,
} from "./libvirt-protocol.ts";

/**
 * The thread that runs libvirt's event loop, one a process, since libvirt has one loop a process. It also keeps the
 * connections alive: without it, a daemon that hangs would hold up whoever asks it for ever.
 */

/** VIR_DOMAIN_EVENT_ID_LIFECYCLE. */
const LIFECYCLE = 0;
/** The loop waits in C: so often does it let messages in. */
const TICK_MS = 100;

const tell = (reply: EventReply) => postMessage(reply);

interface Listener {
  callbackId: number;
  event: JSCallback;
  closed: JSCallback;
}

const listeners = new Map<Pointer, Listener>();
let isLooping = false;

function eventOf(library: LibvirtLibrary, domain: Pointer, kind: number, detail: number): DomainEvent {
  const name = EVENT_KINDS[kind] ?? "unknown";
  const details: readonly string[] =
    name === "stopped" ? STOPPED_DETAILS : name === "suspended" ? SUSPENDED_DETAILS : [];
  return { ...identityAt(library, domain), kind: name, detail: details[detail] ?? String(detail) };
}

/** @returns whether libvirt has taken it */
function listen(library: LibvirtLibrary, connection: Pointer): boolean {
  const { i32, ptr: pointer } = FFIType;
  const event = new JSCallback(
    (_connection: Pointer, domain: Pointer, kind: number, detail: number) => {
      tell({ connection, event: eventOf(library, domain, kind, detail) });
      return 0;
    },
    { args: [pointer, pointer, i32, i32, pointer], returns: i32 },
  );
  const closed = new JSCallback(
    (_connection: Pointer, reason: number) => {
      tell({ connection, closed: reason });
    },
    // Whoever notices it calls this: that is a thread of a call's own where one waits for an answer just then.
    { args: [pointer, i32, pointer], returns: FFIType.void, threadsafe: true },
  );
  const callbackId = library.virConnectDomainEventRegisterAny(
    connection,
    null,
    LIFECYCLE,
    event.ptr,
    null,
    null,
  );
  // Drivers without a daemon have no such callback: then nothing can be lost either.
  if (callbackId >= 0) library.virConnectRegisterCloseCallback(connection, closed.ptr, null, null);
  listeners.set(connection, { callbackId, event, closed });
  return callbackId >= 0;
}

function forget(library: LibvirtLibrary, connection: Pointer): void {
  const listener = listeners.get(connection);
  if (listener === undefined) return;
  if (listener.callbackId >= 0) library.virConnectDomainEventDeregisterAny(connection, listener.callbackId);
  library.virConnectUnregisterCloseCallback(connection, listener.closed.ptr);
  // libvirt may still be about to call them, from its loop, in this turn: their memory stays for the next.
  setTimeout(() => {
    listener.event.close();
    listener.closed.close();
  }, 10 * TICK_MS);
  listeners.delete(connection);
}

async function loop(library: LibvirtLibrary): Promise<void> {
  if (isLooping) return;
  isLooping = true;
  for (;;) {
    if (library.virEventRunDefaultImpl() < 0) await Bun.sleep(TICK_MS);
    // Lets messages in.
    await Bun.sleep(0);
  }
}

function begin(): LibvirtLibrary | undefined {
  try {
    const library = loadLibvirt();
    if (library.virEventRegisterDefaultImpl() < 0) throw new Error(lastErrorOf(library).message);
    const tick = new JSCallback(() => undefined, { args: [FFIType.i32, FFIType.ptr], returns: FFIType.void });
    library.virEventAddTimeout(TICK_MS, tick.ptr, null, null);
    tell({ ready: true });
    return library;
  } catch (error) {
    tell({ unavailable: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

const library = begin();

addEventListener("message", ({ data }: MessageEvent<EventRequest>) => {
  if (library === undefined) return;
  if ("forget" in data) {
    forget(library, data.forget);
    return tell({ id: data.id, done: true });
  }
  if (listen(library, data.listen)) return tell({ id: data.id, done: true });
  tell({ id: data.id, error: lastErrorOf(library) });
});

if (library !== undefined) void loop(library);
