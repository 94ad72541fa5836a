import { existsSync, readdirSync, readFileSync } from "node:fs";
import { interfaceExists, setSysctl } from "../../host/proc-net.ts";
import { run, tryRun } from "../../host/run.ts";
import { type Originator, parseOriginators } from "./originators.ts";
import { BATMAN_DEVICE, type BatmanPlan, type HardInterface, IDENTITY_DEVICE } from "./plan-batman.ts";

/** The kernel has no batman-adv, or a program that sets it up is missing. */
export class NoBatmanError extends Error {
  override readonly name = "NoBatmanError";
}

export interface GatewayRates {
  downKbit: number;
  upKbit: number;
}

/** net/if.h */
const IFF_UP = 1;
const FOLDER = `/sys/class/net/${BATMAN_DEVICE}`;

/** What batman-adv sends by now, the identity among it. */
export function hardInterfacesOf(): string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER).flatMap((entry) =>
    entry.startsWith("lower_") ? [entry.slice("lower_".length)] : [],
  );
}

/**
 * Makes bat0 with its identity where it is not there yet, or is there without it as something else or a killed
 * process has left it. {@link readyBatmanDevice} is still to come.
 * @returns whether it made anything
 * @throws {NoBatmanError} where the kernel knows no batman-adv
 * @throws {RunError} when the kernel refuses something
 */
export async function makeBatmanDevice(plan: BatmanPlan): Promise<boolean> {
  if (hardInterfacesOf().includes(IDENTITY_DEVICE)) return false;
  await removeBatmanDevice();
  // This loads the kernel's module as well, where there is one.
  const make = ["batctl", "meshif", BATMAN_DEVICE, "interface", "create", "routing_algo", plan.algorithm];
  const { exitCode, stdout, stderr } = await tryRun(make);
  if (exitCode === 127) throw new NoBatmanError("batctl is not installed");
  if (!interfaceExists(BATMAN_DEVICE))
    throw new NoBatmanError((stderr || stdout).trim() || `batctl exits with ${exitCode}`);
  // The identity is the first, and waits for no carrier.
  const commands = [
    `link add ${IDENTITY_DEVICE} address ${plan.identityMacAddress} mtu 1560 type dummy`,
    `link set ${IDENTITY_DEVICE} up`,
    `link set ${BATMAN_DEVICE} address ${plan.macAddress}`,
    // Last, as it is the sign that all of this was done.
    `link set ${IDENTITY_DEVICE} master ${BATMAN_DEVICE}`,
  ];
  await run(["ip", "-batch", "-"], { input: `${commands.join("\n")}\n` });
  return true;
}

/** Everything else of bat0 that stays as it is: told at each start, as a process may be killed half-way. */
export async function readyBatmanDevice(): Promise<void> {
  // Nobody on the mesh is this box's router.
  setSysctl(`net/ipv6/conf/${BATMAN_DEVICE}/accept_ra`, 0);
  setSysctl(`net/ipv6/conf/${IDENTITY_DEVICE}/disable_ipv6`, 1);
  // batman-adv's own table for ARP and its lists of who wants which multicast keep the air free of both. A kernel that
  // was built without one of these only fills the air more.
  for (const [name, value] of [
    ["distributed_arp_table", "1"],
    ["multicast_forceflood", "0"],
    ["fragmentation", "1"],
    ["aggregation", "1"],
  ] as const)
    await tryRun(["batctl", "meshif", BATMAN_DEVICE, name, value]);
  await raise(IDENTITY_DEVICE);
  await raise(BATMAN_DEVICE);
}

export async function removeBatmanDevice(): Promise<void> {
  for (const name of [BATMAN_DEVICE, IDENTITY_DEVICE])
    if (interfaceExists(name)) await run(["ip", "link", "del", name]);
}

/** Sets an interface up that is down. A wire has a carrier only while it is up. */
export async function raise(name: string): Promise<void> {
  const isUp = (Number(readFileSync(`/sys/class/net/${name}/flags`, "utf8")) & IFF_UP) !== 0;
  if (!isUp) await run(["ip", "link", "set", name, "up"]);
}

/** @throws {RunError} when the kernel will not have it */
export async function addHardInterface({ name, kind, hopPenalty, mtu }: HardInterface): Promise<void> {
  // A driver that knows no longer frames gets those that are too long in two.
  if (mtu !== undefined) await tryRun(["ip", "link", "set", name, "mtu", String(mtu)]);
  const commands = [`link set ${name} up`, `link set ${name} master ${BATMAN_DEVICE}`];
  await run(["ip", "-batch", "-"], { input: `${commands.join("\n")}\n` });
  // Also while it is out for a moment it is no interface of its own, on which others would be looked for.
  if (kind === "radio") setSysctl(`net/ipv6/conf/${name}/disable_ipv6`, 1);
  // Kernels before 5.8 have one penalty for all: they only choose less well.
  await tryRun(["batctl", "hardif", name, "hop_penalty", String(hopPenalty)]);
}

/**
 * Takes an interface out: the kernel forgets all paths by it within this call (batadv_hardif_disable_interface in
 * net/batman_adv/hard-interface.c purges them), where for one that is down it would wait for its next round.
 */
export async function removeHardInterface(name: string): Promise<void> {
  const { exitCode, stderr } = await tryRun(["ip", "link", "set", name, "nomaster"]);
  if (exitCode !== 0 && interfaceExists(name)) throw new Error(`${name} stays in the mesh: ${stderr.trim()}`);
}

/** Lets a radio be an interface of its own again, as where there is no batman-adv. */
export function freeRadio(name: string): void {
  if (interfaceExists(name)) setSysctl(`net/ipv6/conf/${name}/disable_ipv6`, 0);
}

export const setOgmInterval = (intervalMs: number): Promise<void> =>
  setting("orig_interval", String(intervalMs));

/**
 * Loops come only where bat0 is itself a port of a bridge on a LAN that another node is on too. Elsewhere it would
 * keep everything back for half a minute after each start (Documentation of batman-adv, "Bridge loop avoidance II").
 */
export const setLoopAvoidance = (isBridged: boolean): Promise<void> =>
  setting("bridge_loop_avoidance", isBridged ? "1" : "0");

export const isBridged = (): boolean => existsSync(`${FOLDER}/brport`);

/** Says to the mesh whether this node leads to the internet. */
export async function setGateway(rates: GatewayRates | undefined): Promise<void> {
  const mode = rates === undefined ? ["client"] : ["server", `${rates.downKbit}kbit/${rates.upKbit}kbit`];
  await run(["batctl", "meshif", BATMAN_DEVICE, "gw_mode", ...mode]);
}

/** @throws {RunError} @throws {SyntaxError} when batctl says something that is no list */
export async function readOriginators(): Promise<Originator[]> {
  return parseOriginators(await run(["batctl", "meshif", BATMAN_DEVICE, "originators_json"]));
}

/** @throws {RunError} */
async function setting(name: string, value: string): Promise<void> {
  await run(["batctl", "meshif", BATMAN_DEVICE, name, value]);
}
