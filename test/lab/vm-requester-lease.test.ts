import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { CommandAnswer, LeaseAnswer } from "../../src/requester/index.ts";
import { openLeaseCommand, openSignedLeaseRequest } from "../../src/vm/request/index.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabProcess, until } from "./lab.ts";
import { HOST, type Home, INTERNET, leftOf, makeHome, page, REQUESTER, StandIn } from "./vm-requester.ts";
import type { WireLine } from "./vm-requester-wire.ts";

const NEEDS = [
  ...(["root", "program:nft", "program:wg", "program:wireguard-go", "program:ping"] as const),
  ...(["program:dnsmasq", "program:curl"] as const),
];
const SSH_KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from("ssh-ed25519"),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString("base64")}`;

describeNeeding(NEEDS, "A lease at its requester's", () => {
  const lab = new Lab("vmlea");
  const commands: string[] = [];
  const leases = new Set<string>();
  let home: Home;
  let vm: StandIn;
  let stopListening = () => {};
  let requests = 0;

  /** The provider: reads requests and commands as a real one does, and lends the one machine that it has. */
  async function answer({ kind, body }: WireLine): Promise<LeaseAnswer | CommandAnswer> {
    const bytes = new Uint8Array(Buffer.from(body, "base64"));
    if (kind === "request") {
      const { id, tunnel } = openSignedLeaseRequest(bytes);
      requests += 1;
      leases.add(id);
      const { address = REQUESTER, port = 0 } = tunnel.endpoint ?? {};
      const ends = { publicKey: tunnel.publicKey, listenPort: port, addresses: [tunnel.address] };
      await vm.join(ends, 0, address);
      // The requester begins: the machine's own first try came before its key was known here.
      const endpoint = { address: HOST, port: await vm.listenPort() };
      return { is: "admitted", tunnel: { publicKey: vm.publicKey, endpoint } };
    }
    const command = openLeaseCommand(bytes);
    commands.push(command.kind);
    const [lease = ""] = command.kind === "keep-alive" ? command.leases : [command.lease];
    if (!leases.has(lease)) return { is: "unknown" };
    if (command.kind === "release") leases.delete(lease);
    return { is: "done" };
  }

  beforeAll(async () => {
    await lab.open();
    home = await makeHome(lab);
    vm = await StandIn.make(lab, home.host, "lvm");
    await vm.serveSsh();
    const server = Bun.listen<{ text: string }>({
      unix: join(lab.folder, "provider"),
      socket: {
        open: (socket) => {
          socket.data = { text: "" };
        },
        data: (socket, chunk) => {
          socket.data.text += chunk.toString();
          if (!socket.data.text.endsWith("\n")) return;
          void answer(JSON.parse(socket.data.text) as WireLine).then((said) =>
            socket.end(JSON.stringify(said)),
          );
        },
      },
    });
    stopListening = () => server.stop(true);
    mkdirSync(join(lab.folder, "state"));
  }, 60_000);
  afterAll(async () => {
    stopListening();
    await lab.close();
  }, 30_000);

  const start = (): LabProcess =>
    home.requester.spawn([
      ...[process.execPath, join(import.meta.dir, "vm-requester-lease.ts")],
      ...[join(lab.folder, "state"), join(lab.folder, "provider"), SSH_KEY, REQUESTER],
    ]);
  const untilReady = (of: LabProcess) =>
    until("SSH through the tunnel", () => of.output().includes("ready 10."), 40_000).catch((error) => {
      throw new Error(`${error}: ${of.output()}`);
    });

  test("goes from the request to SSH through the tunnel, outlives its requester's kill, and leaves nothing when it is released", async () => {
    const folder = join(lab.folder, "state/run");
    const first = start();
    await untilReady(first);
    expect(first.output()).toContain("SSH-2.0-lab");
    console.log(
      first
        .output()
        .match(/^step .*$/gm)
        ?.join(", "),
    );
    expect(requests).toBe(1);
    expect(leases.size).toBe(1);
    await until("the internet", async () => (await page(vm.inside, INTERNET)) === `hello ${REQUESTER}`);

    await first.stop("SIGKILL");
    await until("nothing to be left", async () => (await leftOf(home.requester, folder)).length === 0, 5_000);
    const second = start();
    await untilReady(second);
    console.log(
      `after the kill: ${second
        .output()
        .match(/^step .*$/gm)
        ?.join(", ")}`,
    );
    // The same address and the same port: the machine did not notice but by the wait.
    expect(requests).toBe(1);
    expect(commands).toContain("keep-alive");
    expect(commands).not.toContain("release");
    await until("the internet again", async () => (await page(vm.inside, INTERNET)) === `hello ${REQUESTER}`);

    await second.stop();
    expect(second.output()).toContain("stopped");
    expect(commands.filter((kind) => kind === "release")).toHaveLength(1);
    expect(leases.size).toBe(0);
    expect(await leftOf(home.requester, folder)).toEqual([]);
  }, 120_000);
});
