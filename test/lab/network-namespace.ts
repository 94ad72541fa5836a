import { dlopen } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import type { LabHost } from "./lab.ts";

const CLONE_NEWNET = 0x4000_0000;

const libc = dlopen("libc.so.6", { setns: { args: ["i32", "i32"], returns: "i32" } });
const home = openSync("/proc/thread-self/ns/net", "r");

/**
 * Runs `action` with the calling thread inside a network namespace. A socket belongs to the namespace in which
 * socket(2) was called for ever, so a socket that `action` makes stays there after the thread has gone home.
 * `action` must make it before it returns: nothing that it leaves to a later turn of the event loop is inside.
 * @param namespace an open file of /run/netns. Source: setns(2).
 */
export function inNamespace<T>(namespace: number, action: () => T): T {
  if (libc.symbols.setns(namespace, CLONE_NEWNET) !== 0) throw new Error("setns failed");
  try {
    return action();
  } finally {
    // Going on in the wrong namespace would send the lab's own traffic from a phone.
    if (libc.symbols.setns(home, CLONE_NEWNET) !== 0) process.abort();
  }
}

/** Runs `action`, which makes its sockets at once (`Bun.listen`, `Bun.connect`), inside `host`'s network namespace. */
export function withNetworkOf<T>(host: LabHost, action: () => T): T {
  const namespace = openSync(`/run/netns/${host.name}`, "r");
  try {
    return inNamespace(namespace, action);
  } finally {
    closeSync(namespace);
  }
}
