import { mkdirSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { commandLineOf, namespaceNumber, processesBy } from "../../host/process-table.ts";
import { run, tryRun } from "../../host/run.ts";
import { endpointText } from "../../mesh/paths/endpoint.ts";
import type { PeerSettings } from "../../mesh/tunnels/wireguard-device.ts";
import { parseWireGuardDump, type WireGuardStatus } from "../../mesh/tunnels/wireguard-dump.ts";
import { kernelWireGuard, removeSocket } from "../../mesh/tunnels/wireguard-process.ts";
import type { LeaseNames } from "../guest-link.ts";
import { EgressError } from "./egress-error.ts";
import type { EgressPlan } from "./egress-plan.ts";
import { inside, tryInside } from "./namespace.ts";

/** s. As often the requester hears from the box, so that either knows soon that the other is gone. */
const KEEPALIVE_S = 5;
const ANSWERS_WITHIN_MS = 3_000;
const MOST_STARTS = 2;
const ENDS_WITHIN_MS = 2_000;

/**
 * Makes the tunnel's interface in the box's namespace, where its UDP socket stays for ever (wireguard.com/netns), and
 * moves it into the machine's. The kernel's WireGuard where there is one, wireguard-go otherwise.
 * @param ended told when wireguard-go has ended, whoever has ended it: its interface is gone then
 * @throws {EgressError} "tunnel"
 */
export async function makeTunnel(
  { tunnel: name, namespace }: LeaseNames,
  ended: () => void = () => {},
): Promise<void> {
  if (await kernelWireGuard()) await run(["ip", "link", "add", name, "type", "wireguard"]);
  else await startWireGuardGo(name, ended);
  await run(["ip", "link", "set", name, "netns", namespace]);
}

/** Gives it its key and its peer: from now on something may pass. @throws {RunError} */
export async function keyTunnel({ names, tunnel }: EgressPlan): Promise<void> {
  await run(
    inside(
      names.namespace,
      ...["wg", "set", names.tunnel, "private-key", "/dev/stdin"],
      ...(tunnel.listenPort === undefined ? [] : ["listen-port", String(tunnel.listenPort)]),
      ...["peer", tunnel.peerKey, "allowed-ips", "0.0.0.0/0", "persistent-keepalive", String(KEEPALIVE_S)],
      ...(tunnel.endpoint === undefined ? [] : ["endpoint", endpointText(tunnel.endpoint)]),
    ),
    { input: tunnel.privateKey },
  );
}

/** @returns undefined when it is gone, or has lost its key */
export async function tunnelStatus(namespace: string, name: string): Promise<WireGuardStatus | undefined> {
  // wireguard-go is asked by a socket in the file system: that goes from any namespace.
  const shown = await tryInside(namespace, "wg", "show", name, "dump");
  if (shown.exitCode !== 0 || shown.stdout.startsWith("(none)")) return undefined;
  return parseWireGuardDump(shown.stdout);
}

/**
 * Sends to where the requester says that it is now, and at once. WireGuard else finds out by what it receives, but a
 * requester with wireguard-go goes on sending from an address that it no longer has until the next handshake.
 * @throws {RunError}
 */
export async function moveTunnel(
  namespace: string,
  name: string,
  endpoint: { address: string; port: number },
): Promise<void> {
  const peer = (await tunnelStatus(namespace, name))?.peer;
  if (!peer) throw new EgressError("tunnel", `${name} is gone`);
  const set = (...what: string[]) =>
    run(inside(namespace, "wg", "set", name, "peer", peer.publicKey, ...what));
  // The first keepalive is sent when they are switched on.
  await set("endpoint", endpointText(endpoint), "persistent-keepalive", "0");
  await set("persistent-keepalive", String(KEEPALIVE_S));
}

/**
 * Sends to where the mesh has found that the requester is, from now on; by itself nothing goes there before {@link stirTunnel}.
 * While a peer is made anew (`fresh`) there is none, and what the machine sends is dropped.
 * @throws {RunError}
 */
export async function pointTunnel(
  namespace: string,
  name: string,
  { publicKey, endpoint, fresh }: PeerSettings,
): Promise<void> {
  await run(
    inside(
      namespace,
      ...["wg", "set", name, ...(fresh ? ["peer", publicKey, "remove"] : [])],
      ...["peer", publicKey, "allowed-ips", "0.0.0.0/0", "persistent-keepalive", "0"],
      ...(endpoint === undefined ? [] : ["endpoint", endpointText(endpoint)]),
    ),
  );
}

/** Sends a keepalive at once, as WireGuard does when they are switched on. @returns as {@link tunnelStatus} @throws {RunError} */
export async function stirTunnel(
  namespace: string,
  name: string,
  publicKey: string,
): Promise<WireGuardStatus | undefined> {
  const keepalive = (seconds: number) => ["peer", publicKey, "persistent-keepalive", String(seconds)];
  await run(inside(namespace, "wg", "set", name, ...keepalive(0), ...keepalive(KEEPALIVE_S)));
  return tunnelStatus(namespace, name);
}

async function startWireGuardGo(name: string, ended: () => void): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    removeSocket(name);
    mkdirSync("/var/run/wireguard", { recursive: true, mode: 0o755 });
    const child = Bun.spawn(["wireguard-go", "-f", name], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      // It stays when the daemon is stopped by its terminal: a lease ends by its own rules.
      detached: true,
      env: { ...process.env, LOG_LEVEL: "silent" },
    });
    child.unref();
    if (await hasAnswered(child, name)) return void child.exited.then(ended);
    const { exitCode, signalCode } = child;
    child.kill("SIGKILL");
    // One that ends by itself as soon as it is started is given a second chance; one that hangs would hang again.
    if (tries === MOST_STARTS || exitCode === null)
      throw new EgressError(
        "tunnel",
        exitCode === null && signalCode === null
          ? `wireguard-go does not answer for ${name}`
          : `wireguard-go for ${name} ends at once (${signalCode ?? `status ${exitCode}`})`,
      );
  }
}

/** @returns false where it has ended, or takes too long */
async function hasAnswered(child: Bun.Subprocess, name: string): Promise<boolean> {
  const untilMs = performance.now() + ANSWERS_WITHIN_MS;
  while (performance.now() < untilMs && child.exitCode === null && child.signalCode === null) {
    if ((await tryRun(["wg", "show", name, "dump"])).exitCode === 0) return true;
    await Bun.sleep(10);
  }
  return false;
}

/** Ends the userspace WireGuard of an interface, and its interface with it. Of the kernel's there is no process. */
export async function endWireGuardGo(name: string): Promise<void> {
  for (const { pid } of wireGuardGoProcesses().filter((process) => process.device === name)) {
    await endProcess(pid, name);
  }
  removeSocket(name);
}

/** Processes of wireguard-go whose sockets are in this network namespace, with their interfaces. */
export function wireGuardGoProcesses(): { pid: number; device: string }[] {
  const here = namespaceOf("self");
  return processesBy((argv) => deviceOf(argv) !== undefined).flatMap(({ pid, argv }) => {
    const device = deviceOf(argv);
    return device !== undefined && namespaceOf(pid) === here ? [{ pid, device }] : [];
  });
}

/** Of the command line that it is started with; undefined of any other. */
function deviceOf([program = "", foreground, device, ...more]: readonly string[]): string | undefined {
  return basename(program) === "wireguard-go" && foreground === "-f" && more.length === 0
    ? device
    : undefined;
}

const namespaceOf = (pid: number | "self") => namespaceNumber(`/proc/${pid}/ns/net`);

/** Killed: it has nothing to put away but its socket's file, and whoever waits has a machine that must not send. */
async function endProcess(pid: number, device: string): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
  const untilMs = performance.now() + ENDS_WITHIN_MS;
  while (deviceOf(commandLineOf(pid)) === device) {
    if (performance.now() > untilMs)
      throw new EgressError("tunnel", `wireguard-go of ${device} does not end`);
    await Bun.sleep(5);
  }
  rmSync(`/var/run/wireguard/${device}.sock`, { force: true });
}
