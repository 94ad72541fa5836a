import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { run } from "../../src/host/run.ts";
import type { EgressRequest } from "../../src/vm/egress/index.ts";
import { GUEST_LINK, leaseNames } from "../../src/vm/guest-link.ts";
import { describeNeeding } from "../needs.ts";
import { type LabHost, until } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";
import { ADDRESSES, type BoxError, EgressLab, TapGuest, TUNNEL_PORT } from "./vm-egress-lab.ts";
import { udpFrame } from "./vm-frames.ts";

const LEASE = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
const OTHER = "b1b2c3d4e5f60718293a4b5c6d7e8f90";
const UNLIMITED = { upKbit: undefined, downKbit: undefined, newConnectionsPerS: 200 };

describeNeeding(
  ["root", "program:nft", "program:wg", "program:wireguard-go", "program:curl", "program:tcpdump"],
  "The egress of virtual machines",
  () => {
    const net = new EgressLab("vmeg");
    let system: LabHost;
    let guest: TapGuest | undefined;
    let web: ReturnType<typeof Bun.serve>;
    const clients: string[] = [];

    beforeAll(async () => {
      await net.open();
      system = await net.lab.host("guest");
      web = withNetworkOf(net.requester, () =>
        Bun.serve({
          hostname: "0.0.0.0",
          port: 8_000,
          fetch: async (request, server) => {
            await request.arrayBuffer();
            clients.push(server.requestIP(request)?.address ?? "");
            return new Response(new Uint8Array(Number(new URL(request.url).searchParams.get("bytes") ?? 5)));
          },
        }),
      );
    }, 120_000);
    afterEach(async () => {
      await guest?.end();
      guest = undefined;
      await net.call("sweep", []);
    });
    afterAll(async () => {
      web?.stop(true);
      await net.close();
    }, 60_000);

    /** An attached machine whose tunnel carries. */
    const attached = async (more: Partial<EgressRequest> = {}) => {
      const { request, publicKey } = await net.request(LEASE, { limits: UNLIMITED, ...more });
      await net.admit(publicKey);
      await net.call("up", request);
      guest = await TapGuest.open(net, LEASE, system);
      await net.call("attach", request);
      await net.handshake(publicKey);
      return { request, publicKey, guest };
    };
    const fetched = (address: string, bytes = 5) =>
      system.tryRun(
        [
          "curl",
          "-s",
          "-m",
          "20",
          "-o",
          "/dev/null",
          "-w",
          "%{size_download} %{time_total}",
          `http://${address}:8000/?bytes=${bytes}`,
        ],
        { timeoutMs: 25_000 },
      );
    const refusal = async (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => "nothing was refused",
        (error: BoxError) => `${error.thing} | ${error.message}`,
      );

    test("carry TCP to the requester and to what only it reaches, from the machine's one address", async () => {
      await attached();
      clients.length = 0;
      for (const address of [ADDRESSES.requesterInside, ADDRESSES.beyond]) {
        const { stdout } = await fetched(address, 300_000);
        expect(stdout.split(" ")[0]).toBe("300000");
      }
      expect(clients).toEqual([ADDRESSES.machine, ADDRESSES.machine]);
      const { up, down } = await net.traffic(LEASE);
      expect(down.bytes).toBeGreaterThan(600_000);
      expect(up.packets).toBeGreaterThan(10);
    }, 120_000);

    test("can be prepared ahead of a request, and pass nothing until there is one", async () => {
      const measure = async (ahead: boolean): Promise<number> => {
        const { request, publicKey } = await net.request(LEASE, { limits: UNLIMITED });
        await net.admit(publicKey);
        if (ahead) {
          await net.call("prepare", request);
          // Its tunnel has no peer yet.
          expect(await net.call("status", request)).toBeNull();
          await Bun.sleep(1_500);
        }
        const beganMs = performance.now();
        await net.call("up", request);
        guest = await TapGuest.open(net, LEASE, system);
        await net.call("attach", request);
        await net.handshake(publicKey);
        const tookMs = performance.now() - beganMs;
        await guest.end();
        await net.call("down", request);
        return tookMs;
      };
      const anew = await measure(false);
      const prepared = await measure(true);
      console.log(
        `      until the tunnel carries: ${Math.round(anew)} ms anew, ${Math.round(prepared)} ms prepared`,
      );
      expect(await net.left()).toEqual([]);
    }, 120_000);

    test("let the requester connect to the machine", async () => {
      await attached();
      const server = withNetworkOf(system, () =>
        Bun.serve({
          hostname: GUEST_LINK.guestAddress,
          port: 8_022,
          fetch: (request, self) => new Response(self.requestIP(request)?.address),
        }),
      );
      const { stdout } = await net.requester.tryRun([
        "curl",
        "-s",
        "-m",
        "10",
        `http://${ADDRESSES.machine}:8022/`,
      ]);
      server.stop(true);
      expect(stdout).toBe(ADDRESSES.requesterInside);
    }, 120_000);

    test("tell the machine of a packet that is too big somewhere, with its own address in it", async () => {
      await attached();
      await net.requester.run([
        "ip",
        "link",
        "add",
        "narrow",
        "mtu",
        "1000",
        "type",
        "veth",
        "peer",
        "name",
        "narrow2",
      ]);
      await net.requester.run([
        "sh",
        "-ec",
        "echo 1 > /proc/sys/net/ipv4/ip_forward; ip link set narrow up; ip link set narrow2 up; ip route add 203.0.113.99/32 dev narrow",
      ]);
      await system.tryRun(["ping", "-c1", "-W2", "-Mdo", "-s1300", "203.0.113.99"]);
      const { stdout } = await system.tryRun(["ip", "route", "get", "203.0.113.99"]);
      await net.requester.run(["ip", "link", "del", "narrow"]);
      expect(stdout).toContain("mtu 1000");
    }, 120_000);

    test("hold the machine to its share, both ways", async () => {
      await attached({ limits: { upKbit: 2_000, downKbit: 2_000, newConnectionsPerS: 50 } });
      const { stdout } = await fetched(ADDRESSES.requesterInside, 750_000);
      const [bytes = 0, seconds = 0] = stdout.split(" ").map(Number);
      console.log(`      down, of 2,000 kbit/s: ${Math.round((bytes * 8) / seconds / 1_000)} kbit/s`);
      expect(bytes).toBe(750_000);
      expect((bytes * 8) / seconds / 1_000).toBeLessThan(3_000);
      const upload = await system.tryRun(
        [
          "sh",
          "-c",
          `head -c 750000 /dev/zero | curl -s -m 20 -o /dev/null -w '%{time_total}' --data-binary @- -H Expect: http://${ADDRESSES.requesterInside}:8000/`,
        ],
        { timeoutMs: 25_000 },
      );
      const kbit = 6_000 / Number(upload.stdout);
      console.log(`      up, of 2,000 kbit/s: ${Math.round(kbit)} kbit/s`);
      expect(kbit).toBeLessThan(3_000);
    }, 120_000);

    test.each(["by itself", "and says so"])(
      "follow a requester that moves %s",
      async (how) => {
        const { request } = await attached();
        // With its only address gone, so are the others of its network.
        await net.requester.run([
          "sh",
          "-ec",
          `ip addr flush dev eth0; ip addr add ${ADDRESSES.requesterMoved}/24 dev eth0`,
        ]);
        const beganMs = performance.now();
        try {
          if (how === "and says so")
            await net.call("move", {
              request,
              endpoint: { address: ADDRESSES.requesterMoved, port: TUNNEL_PORT },
            });
          await until(
            "the machine to be reached again",
            async () =>
              (await net.requester.tryRun(["ping", "-c1", "-W1", ADDRESSES.machine])).exitCode === 0,
            60_000,
          );
          console.log(
            `      moved ${how}: reached again after ${Math.round(performance.now() - beganMs)} ms`,
          );
          const status = await net.call<{ peer?: { endpoint?: { address: string } } }>("status", request);
          expect(status.peer?.endpoint?.address).toBe(ADDRESSES.requesterMoved);
          expect((await fetched(ADDRESSES.requesterInside)).stdout.split(" ")[0]).toBe("5");
        } finally {
          await net.requester.run([
            "sh",
            "-ec",
            `ip addr flush dev eth0; ip addr add ${ADDRESSES.requester}/24 dev eth0`,
          ]);
        }
      },
      120_000,
    );

    test("are cut off by the end of the tunnel's process, and say what is missing", async () => {
      const { request } = await attached();
      const uplink = net.lab.spawn(
        net.internet.command(["tcpdump", "-lni", "box", "not", "arp", "and", "not", "ip6"]),
      );
      await until("tcpdump", () => uplink.output().includes("listening"));
      const { tunnel } = leaseNames(LEASE);
      await net.killTunnel(LEASE);
      const before = uplink.output();
      expect((await fetched(ADDRESSES.beyond)).exitCode).not.toBe(0);
      expect(uplink.output().slice(before.length)).toBe("");
      expect(await refusal(net.call("verify", request))).toStartWith(`link ${tunnel} |`);
      // Told by itself, once, and not of one that is taken down.
      expect(await net.call("lost")).toEqual([tunnel]);
      await net.call("down", request);
      const next = await net.request(LEASE);
      await net.call("up", next.request);
      await net.call("down", next.request);
      expect(await net.call("lost")).toEqual([tunnel]);
    }, 120_000);

    test.each([
      ["parameters", "parameters"],
      ["passage", "rules"],
      ["tunnelLink", "tunnel"],
      ["shaping", "tunnel"],
    ])("are refused with nothing left where %s cannot be", async (at, thing) => {
      const { request } = await net.request(LEASE);
      expect(await refusal(net.call("upBroken", { request, at }))).toStartWith(`${thing} |`);
      expect(await net.left()).toEqual([]);
    });

    test.each([
      ["guard", "rules"],
      ["tapLink", "tap"],
    ])(
      "are refused with nothing left where, when the machine is attached, %s cannot be",
      async (at, thing) => {
        const { request } = await net.request(LEASE);
        await net.call("up", request);
        guest = await TapGuest.open(net, LEASE, system);
        expect(await refusal(net.call("attachBroken", { request, at }))).toStartWith(`${thing} |`);
        expect(await net.left()).toEqual([]);
      },
    );

    test("are refused by the name of what is wrong in the request", async () => {
      const { request } = await net.request(LEASE);
      const refused = (tunnel: Partial<EgressRequest["tunnel"]>) =>
        refusal(net.call("up", { ...request, tunnel: { ...request.tunnel, ...tunnel } }));
      expect(await refused({ address: "10.0.2.2" })).toStartWith("tunnel.address |");
      expect(await refused({ peerKey: "x; reboot" })).toStartWith("tunnel.peerKey |");
      expect(await net.left()).toEqual([]);
    });

    test("are looked through for whatever was not planned", async () => {
      const { request } = await attached();
      const { tap, tunnel } = leaseNames(LEASE);
      const changes = [
        ["route 192.0.2.0/24", `ip route add 192.0.2.0/24 dev ${tunnel}`, `ip route del 192.0.2.0/24`],
        ["link extra", "ip link add extra type veth peer name extra2", "ip link del extra"],
        [
          "address 192.0.2.9/32",
          `ip addr add 192.0.2.9/32 dev ${tap}`,
          `ip addr del 192.0.2.9/32 dev ${tap}`,
        ],
        [
          "parameter net/ipv4/conf/all/rp_filter",
          "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter",
          "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter",
        ],
        [
          // It has a route at once.
          `route multicast ff00::/8 ${tap}`,
          `echo 0 > /proc/sys/net/ipv6/conf/${tap}/disable_ipv6`,
          `echo 1 > /proc/sys/net/ipv6/conf/${tap}/disable_ipv6`,
        ],
        ["rules: inet table extra", "nft add table inet extra", "nft delete table inet extra"],
        [
          "rules",
          "nft add element netdev omerta_vm forbidden '{ 192.0.2.0/24 }'",
          "nft delete element netdev omerta_vm forbidden '{ 192.0.2.0/24 }'",
        ],
        ["routing rule 100", "ip rule add to 192.0.2.1 table 100", "ip rule del to 192.0.2.1 table 100"],
        [
          `neighbour ${GUEST_LINK.guestAddress}`,
          `ip neigh replace ${GUEST_LINK.guestAddress} lladdr 02:00:00:00:00:99 dev ${tap} nud permanent`,
          `ip neigh replace ${GUEST_LINK.guestAddress} lladdr ${GUEST_LINK.guestMacAddress} dev ${tap} nud permanent`,
        ],
      ] as const;
      for (const [thing, change, back] of changes) {
        await run(net.onMachine(LEASE, "sh", "-ec", change));
        expect(await refusal(net.call("verify", request))).toStartWith(thing);
        await run(net.onMachine(LEASE, "sh", "-ec", back));
        await net.call("verify", request);
      }
      await run(net.onMachine(LEASE, "nft", "flush", "chain", "netdev", "omerta_vm", "in"));
      expect(await refusal(net.call("verify", request))).toStartWith("rules: netdev omerta_vm in |");
    }, 120_000);

    test("are swept by the next daemon where the one before was killed, but for what is still wanted", async () => {
      const { request } = await attached();
      const { request: second } = await net.request(OTHER);
      await net.call("up", second);
      await net.killBox();
      expect((await net.left()).some((name) => name.includes(leaseNames(OTHER).namespace))).toBe(true);
      await net.startBox();
      const removed = await net.call<{ namespace: string }[]>("sweep", [LEASE]);
      expect(removed.map(({ namespace }) => namespace)).toEqual([leaseNames(OTHER).namespace]);
      const left = await net.left();
      expect(left.filter((name) => name.includes(OTHER.slice(0, 10)))).toEqual([]);
      await net.call("attach", request);
      expect((await fetched(ADDRESSES.requesterInside)).exitCode).toBe(0);
      await net.call("sweep", []);
      expect(await net.left()).toEqual([]);
    }, 120_000);

    test("are gone after down, as often as it is asked for", async () => {
      const { request } = await attached();
      await net.call("down", request);
      expect(await net.left()).toEqual([]);
      await net.call("down", request);
    }, 120_000);

    test("tell of what a machine tries within a second, with what it tried", async () => {
      const { guest } = await attached();
      await net.call("listen");
      await guest.send([
        udpFrame(ADDRESSES.lanHost, 53, "who is there"),
        udpFrame(ADDRESSES.lanHost, 53, "again"),
      ]);
      const events = await until("an event", async () => {
        const told = await net.events();
        return told.length > 0 && told;
      });
      console.log(
        `      told after ${Math.round(events[0]?.toldAfterMs ?? 0)} ms; one look ${Math.round(await net.call<number>("look"))} ms`,
      );
      expect(events[0]).toMatchObject({
        lease: LEASE,
        kind: "rogue",
        offence: "destination",
        evidence: { proto: "udp", src: GUEST_LINK.guestAddress, dst: ADDRESSES.lanHost, port: 53 },
      });
      expect(events.reduce((sum, { packets }) => sum + packets, 0)).toBe(2);
      // A second, on a machine that has nothing else to do.
      expect(events[0]?.toldAfterMs).toBeLessThan(10_000);
    }, 120_000);

    test("cut a machine off in the kernel with its first packet, where its policy says so", async () => {
      const { guest } = await attached({ punishment: { cutOn: ["destination"] } });
      expect((await fetched(ADDRESSES.requesterInside)).exitCode).toBe(0);
      const { up } = await net.traffic(LEASE);
      await guest.send([
        udpFrame(ADDRESSES.lanHost, 53, "who is there"),
        ...Array.from({ length: 20 }, () => udpFrame(ADDRESSES.beyond, 9, "never")),
      ]);
      const after = await net.traffic(LEASE);
      expect(after.rogue.destination).toBe(1);
      expect(after.up.packets).toBe(up.packets);
      expect(after.jailed).toBeGreaterThanOrEqual(20);
    }, 120_000);

    test("cut a machine off both ways when asked", async () => {
      const { request } = await attached();
      await net.call("cut", request);
      expect((await net.requester.tryRun(["ping", "-c1", "-W1", ADDRESSES.machine])).exitCode).not.toBe(0);
      expect((await fetched(ADDRESSES.requesterInside)).exitCode).not.toBe(0);
      expect(await refusal(net.call("verify", request))).toStartWith("link ");
    }, 120_000);
  },
);
