import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BoxStatus } from "../../src/portal/index.ts";
import { type Lab, type LabHost, type LabProcess, until } from "./lab.ts";

const CLI = resolve(import.meta.dir, "../../src/cli/main.ts");
const MANAGEMENT_ADDRESS = "192.168.77.1";
const MANAGEMENT_PORT = 8090;

/** A box in device mode, as root in a namespace of the lab. */
export interface LabBox {
  readonly host: LabHost;
  readonly stateFolder: string;
  readonly runFolder: string;
  /** The guest network's gateway address. */
  readonly address: string;
  /** The same for IPv6. */
  readonly address6: string;
  /** Prefix length of the IPv4 guest network. */
  readonly prefix: number;
  /** The bridge on which guests are. */
  readonly bridge: string;
  readonly management: { address: string; port: number };
  readonly process: LabProcess;
  status(): Promise<BoxStatus>;
  /** Stops it with a signal and starts it again with the same state. */
  restart(signal: NodeJS.Signals): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface LabBoxOptions {
  /** The text of omerta.toml. */
  config?: string;
  /** A namespace made beforehand, with an uplink for example. */
  host?: LabHost;
  /** Goes before the box's own command. */
  before?: readonly string[];
}

/**
 * Starts a box in a namespace and waits until its portal answers. Guests' cables go into ports of its bridge.
 * The management side is an interface `mgmt` with 192.168.77.1.
 */
export async function startBox(lab: Lab, name: string, options: LabBoxOptions = {}): Promise<LabBox> {
  const host = options.host ?? (await lab.host(name));
  const stateFolder = join(lab.folder, `${name}-state`);
  const runFolder = join(lab.folder, `${name}-run`);
  const configFile = join(lab.folder, `${name}.toml`);
  const { config = "" } = options;
  // Most labs have no internet to be reached: there a router that answers is a way to it.
  const unchecked = config.includes("[uplinks]") ? "" : "[uplinks]\nfind = false\ncheck = false\n";
  writeFileSync(
    configFile,
    `${config}\n${unchecked}[management]\nlisten = ["${MANAGEMENT_ADDRESS}:${MANAGEMENT_PORT}"]\nsign_in = false\nwires = false\n`,
  );
  await host.run(["ip", "link", "add", "mgmt", "type", "bridge"]);
  await host.run(["ip", "addr", "add", `${MANAGEMENT_ADDRESS}/24`, "dev", "mgmt"]);
  await host.run(["ip", "link", "set", "mgmt", "up"]);

  const start = () =>
    host.spawn([
      ...(options.before ?? []),
      process.execPath,
      CLI,
      "run",
      "--mode",
      "device",
      "--config",
      configFile,
      "--state",
      stateFolder,
      "--run",
      runFolder,
    ]);
  const status = async (): Promise<BoxStatus> => {
    const response = await fetch("http://box/api/status", { unix: join(runFolder, "control.sock") });
    return (await response.json()) as BoxStatus;
  };
  const ready = async (box: LabProcess) => {
    const exited = box.exited.then((code) => `exited with ${code}`);
    const up = until(
      "the box",
      async () => {
        const parts = (await status().catch(() => undefined))?.parts;
        if (!parts?.every((part) => part.state === "running")) return false;
        const { address } = await guestAddress(host);
        const page = await host.tryRun([
          "curl",
          "-s",
          "-o",
          "/dev/null",
          "-m",
          "1",
          `http://${address}:8080/`,
        ]);
        return page.exitCode === 0;
      },
      40_000,
    );
    const result = await Promise.race([up, exited]).catch((error: Error) => error.message);
    if (result !== true) throw new Error(`the box did not come up: ${result}\n${box.output()}`);
  };

  let current = start();
  await ready(current);
  const { address, prefix, address6 } = await guestAddress(host);
  return {
    host,
    stateFolder,
    runFolder,
    address,
    address6,
    prefix,
    bridge: "br-guest",
    management: { address: MANAGEMENT_ADDRESS, port: MANAGEMENT_PORT },
    get process() {
      return current;
    },
    status,
    async restart(signal) {
      await current.stop(signal);
      current = start();
      await ready(current);
    },
    stop: (signal) => current.stop(signal),
  };
}

interface AddressRow {
  addr_info?: { local: string; prefixlen: number; family: string; scope: string }[];
}

async function guestAddress(host: LabHost): Promise<{ address: string; prefix: number; address6: string }> {
  const rows = JSON.parse(await host.run(["ip", "-j", "addr", "show", "dev", "br-guest"])) as AddressRow[];
  const all = rows.flatMap((row) => row.addr_info ?? []).filter((info) => info.scope === "global");
  const ipv4 = all.find((info) => info.family === "inet");
  const ipv6 = all.find((info) => info.family === "inet6");
  return { address: ipv4?.local ?? "", prefix: ipv4?.prefixlen ?? 0, address6: ipv6?.local ?? "" };
}
