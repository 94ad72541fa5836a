import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import {
  GuestAgent,
  GuestAgentError,
  type GuestPreparation,
  hostKeyFrom,
} from "../../src/vm/guest-agent/index.ts";
import { GUEST_LINK } from "../../src/vm/guest-link.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, until } from "./lab.ts";
import { type VmGuestImage, vmGuestImage } from "./vm-guest-image.ts";
import { VmGuestMachine } from "./vm-guest-machine.ts";

const BUILD_MS = 960_000;
const MACHINE_MS = 600_000;
/** Of each step in a machine: on one with other work emulation is ten times slower than alone. */
const STEP_MS = 180_000;
/** A year in which no clock of this machine is. */
const ANOTHER_TIME_MS = Date.UTC(2041, 4, 6, 7, 8, 9);

describeNeeding(
  [
    "root",
    "x86-64",
    "program:qemu-system-x86_64",
    "program:mmdebstrap",
    "program:cpio",
    "program:lz4",
    "program:ssh",
    "program:busybox",
    "program:dnsmasq",
  ],
  "the image that virtual machines start from",
  () => {
    const lab = new Lab("vmimg");
    const machines: VmGuestMachine[] = [];
    let image: VmGuestImage;
    let key: string;
    let sshKey: string;

    beforeAll(async () => {
      await lab.open();
      image = await vmGuestImage("small");
      key = join(lab.folder, "key");
      for (const file of [key, `${key}-other`])
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
      sshKey = readFileSync(`${key}.pub`, "utf8").trim();
    }, BUILD_MS);

    afterEach(async () => {
      await Promise.all(machines.splice(0).map((machine) => machine.stop()));
    }, STEP_MS);
    afterAll(() => lab.close(), STEP_MS);

    const start = async (
      ...[name, of, options]: Parameters<typeof VmGuestMachine.start> extends [Lab, ...infer Rest]
        ? Rest
        : never
    ) => {
      const machine = await VmGuestMachine.start(lab, name, of, options);
      machines.push(machine);
      return machine;
    };
    const preparation = (more: Partial<GuestPreparation> = {}): GuestPreparation => ({
      seed: crypto.getRandomValues(new Uint8Array(64)),
      timeMs: Date.now(),
      dns: undefined,
      sshKey,
      hostKey: undefined,
      ...more,
    });
    const since = (startMs: number) => `${Math.round(performance.now() - startMs)} ms`;

    test(
      "it boots to its agent, and who holds the key logs in where nobody did before",
      async () => {
        const startMs = performance.now();
        const machine = await start("boots", image);
        const hello = await machine.agent.hello(STEP_MS);
        console.log(
          `boot: agent after ${since(startMs)}, ${hello.uptimeMs} ms of them the kernel's and init's`,
        );
        expect(hello.version).toBe(image.manifest.agent.version);

        const hostKey = hostKeyFrom(crypto.getRandomValues(new Uint8Array(32)));
        const early = await machine.ssh(key, hostKey.publicKey, "true");
        expect(early.stderr).toContain("Connection refused");

        const preparedMs = performance.now();
        expect(
          await machine.agent.prepare(preparation({ hostKey, timeMs: ANOTHER_TIME_MS }), STEP_MS),
        ).toEqual({
          hostKey: hostKey.publicKey,
        });
        console.log(`boot: prepared in ${since(preparedMs)}`);
        const login = await machine.ssh(
          key,
          hostKey.publicKey,
          "id -u; date +%s; cat /sys/class/net/eth0/mtu",
        );
        console.log(`boot: logged in after ${since(startMs)}`);
        expect(login.stderr).toBe("");
        const [user, time, mtu] = login.stdout.split("\n");
        expect(user).toBe("0");
        expect(Math.abs(Number(time) * 1_000 - ANOTHER_TIME_MS)).toBeLessThan(STEP_MS);
        expect(Number(mtu)).toBe(GUEST_LINK.mtu);
        const ipv6 = await machine.ssh(key, hostKey.publicKey, "ls /proc/net/if_inet6; ip -6 addr");
        expect(ipv6.stdout).toBe("");

        const other = await machine.ssh(`${key}-other`, hostKey.publicKey, "true");
        expect(other).toMatchObject({ exitCode: 255, stderr: expect.stringContaining("denied (publickey)") });
        const password = await machine.ssh(key, hostKey.publicKey, "true", ["-o", "PubkeyAuthentication=no"]);
        expect(password).toMatchObject({
          exitCode: 255,
          // All that it says would be taken.
          stderr: expect.stringContaining("denied (publickey)"),
        });

        // A machine that nobody uses takes next to nothing: no program that its agent starts, nor its agent itself.
        machine.agent.close();
        const counts = `while read -r key count _; do [ $key != processes ] || echo $count; done </proc/stat
          for one in /proc/[0-9]*; do read -r name <$one/comm; [ $name != agent ] || cat $one/stat; done`;
        const idle = await machine.ssh(key, hostKey.publicKey, `${counts}\nsleep 3\n${counts}`);
        const [begunBefore, agentBefore, begunAfter, agentAfter] = idle.stdout.trim().split("\n");
        const begun = Number(begunAfter) - Number(begunBefore);
        expect(begun).toBeGreaterThan(0);
        expect(begun).toBeLessThan(12);
        // utime and stime, in hundredths of a second (proc_pid_stat(5)).
        const spent = (stat = "") =>
          stat
            .split(" ")
            .slice(13, 15)
            .map(Number)
            .reduce((sum, ticks) => sum + ticks, 0);
        expect(agentBefore).toContain("(agent)");
        expect(spent(agentAfter) - spent(agentBefore)).toBeLessThan(60);
      },
      MACHINE_MS,
    );

    test(
      "a file can be fetched by name, and the machine turns itself off",
      async () => {
        const machine = await start("fetches", image);
        await machine.agent.hello(STEP_MS);
        const { hostKey } = await machine.agent.prepare(
          preparation({ dns: GUEST_LINK.gatewayAddress }),
          STEP_MS,
        );
        const folder = join(lab.folder, "served");
        mkdirSync(folder);
        const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)));
        writeFileSync(join(folder, "file"), bytes);
        const at = GUEST_LINK.gatewayAddress;
        machine.host.spawn(["busybox", "httpd", "-f", "-p", `${at}:80`, "-h", folder]);
        machine.host.spawn([
          ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv"],
          ...["--user=root", "--pid-file=", `--listen-address=${at}`, "--bind-interfaces"],
          `--address=/files.example/${at}`,
        ]);
        const fetched = await until(
          "the file",
          async () => {
            const got = await machine.ssh(key, hostKey, "wget -q -O - http://files.example/file | sha256sum");
            return got.stderr === "" && got.stdout;
          },
          STEP_MS,
        );
        expect(fetched.split(" ")[0]).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
        await machine.agent.halt(STEP_MS);
        expect(await machine.ended()).toBe(0);
      },
      MACHINE_MS,
    );

    test(
      "its agent survives whatever comes, and starts SSH in no other order",
      async () => {
        const machine = await start("garbage", image);
        await machine.agent.hello(STEP_MS);
        machine.agent.close();
        const heard = await conversation(
          machine.agentSocket,
          [
            crypto.getRandomValues(new Uint8Array(4_000)),
            "\n",
            `${"x".repeat(20_000)}\n`,
            "0 halt\n00000000001 halt\nhalt\n-1 halt\n; halt\n$(poweroff -f) halt\n`poweroff -f`\n* *\n",
            "1 ssh\n2 hostkey\n3 seed AAAA\n4 seed $(poweroff)\n5 key ssh-ed25519 'A'\n6 key no-options,ssh-rsa A\n",
            "7 time 99999999999999999999\n8 time 08\n9 dns ../../x\n10 nothing\n11 ping more\n12 seed\n13 ssh\n14 ping\n",
          ],
          "14 ok\n",
        );
        const answers = heard.split("\n").filter((line) => /^([1-9]|1[0-4]) /.test(line));
        expect(answers.filter((line) => line.includes(" ok"))).toEqual(["14 ok"]);
        expect(answers).toHaveLength(14);
        // In the middle of a line, as when the host is killed.
        await conversation(machine.agentSocket, ["77 pi"], undefined);
        const agent = new GuestAgent(machine.agentSocket);
        await agent.ping(STEP_MS);
        const { hostKey } = await agent.prepare(preparation(), STEP_MS);
        agent.close();
        expect((await machine.ssh(key, hostKey, "echo here")).stdout).toBe("here\n");
      },
      MACHINE_MS,
    );

    test(
      "clones of one machine have their own randomness, key and time before SSH answers",
      async () => {
        const template = await start("template", image);
        await template.agent.hello(STEP_MS);
        const file = join(lab.folder, "template.machine");
        await template.saveTo(file);

        const clones = await Promise.all(
          ["one", "two"].map(async (name) => {
            const restoredMs = performance.now();
            const machine = await start(name, image, { from: file });
            console.log(`${name}: read from its file in ${since(restoredMs)}`);
            const resumedMs = performance.now();
            await machine.resume();
            const { hostKey } = await machine.agent.prepare(
              preparation({ timeMs: ANOTHER_TIME_MS }),
              STEP_MS,
            );
            console.log(`${name}: prepared ${since(resumedMs)} after it was let run`);
            const login = await machine.ssh(
              key,
              hostKey,
              "head -c 32 /dev/urandom | base64; cat /proc/sys/kernel/random/uuid; date +%s",
            );
            console.log(`${name}: logged in ${since(resumedMs)} after it was let run`);
            expect(login.stderr).toBe("");
            const [random, uuid, time] = login.stdout.split("\n");
            return { machine, hostKey, random, uuid, time };
          }),
        );
        const [one, two] = clones;
        if (one === undefined || two === undefined) throw new Error("two clones were made");
        expect(one.random).toHaveLength(44);
        for (const what of ["hostKey", "random", "uuid"] as const) expect(one[what]).not.toBe(two[what]);
        for (const { time } of clones)
          expect(Math.abs(Number(time) * 1_000 - ANOTHER_TIME_MS)).toBeLessThan(STEP_MS);

        // A lease that is written to a file and goes on from it keeps its keys.
        const lease = join(lab.folder, "lease.machine");
        await one.machine.saveTo(lease);
        const again = await start("again", image, { from: lease });
        await again.resume();
        const later = ANOTHER_TIME_MS + 86_400_000;
        await again.agent.refresh(
          { seed: crypto.getRandomValues(new Uint8Array(32)), timeMs: later },
          60_000,
        );
        const login = await again.ssh(key, one.hostKey, "date +%s");
        expect(login.stderr).toBe("");
        expect(Math.abs(Number(login.stdout) * 1_000 - later)).toBeLessThan(STEP_MS);
      },
      MACHINE_MS,
    );

    test(
      "a machine whose own key is none starts no SSH, and its preparation ends with an error",
      async () => {
        const machine = await start("refused", image);
        await machine.agent.hello(STEP_MS);
        const hostKey = { publicKey: "ssh-ed25519 AAAA", dropbear: new Uint8Array(40) };
        const error = await machine.agent
          .prepare(preparation({ hostKey }), STEP_MS)
          .catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(GuestAgentError);
        expect(error).toMatchObject({ step: "ssh" });
        expect((await machine.ssh(key, sshKey, "true")).stderr).toContain("Connection refused");
      },
      MACHINE_MS,
    );

    test(
      "the same packages give the same bytes",
      async () => {
        const into = join(lab.folder, "built-again");
        const again = await vmGuestImage("small", into);
        // A mirror may have got a newer package since the usual one was built: then both are new.
        const twice = await vmGuestImage("small", join(lab.folder, "and-again"));
        expect(twice.manifest).toEqual(again.manifest);
        rmSync(into, { recursive: true });
      },
      BUILD_MS,
    );

    test(
      "Debian boots from a disk larger than its base, and makes use of it",
      async () => {
        const debian = await vmGuestImage("debian");
        if (debian.base === undefined) throw new Error("Debian has no base");
        const disk = join(lab.folder, "disk");
        copyFileSync(debian.base, disk);
        truncateSync(disk, 1_073_741_824);
        const startMs = performance.now();
        const machine = await start("debian", debian, { disk });
        await machine.agent.hello(STEP_MS);
        console.log(`Debian: agent after ${since(startMs)}`);
        const { hostKey } = await machine.agent.prepare(preparation(), STEP_MS);
        const login = await machine.ssh(
          key,
          hostKey,
          "dpkg --print-architecture; curl --version | head -c 5",
        );
        console.log(`Debian: logged in after ${since(startMs)}`);
        expect(login).toMatchObject({ stderr: "", stdout: "amd64\ncurl " });
        await until(
          "the file system to fill the disk",
          async () => {
            const { stdout } = await machine.ssh(key, hostKey, "stat -f -c '%b %S' /");
            const [blocks = 0, size = 0] = stdout.split(" ").map(Number);
            return blocks * size > 900_000_000;
          },
          STEP_MS,
        );
      },
      BUILD_MS + MACHINE_MS,
    );
  },
);

/** Says all of it on a Unix socket and hangs up after `last` has come, or at once. @returns all that was heard */
async function conversation(
  path: string,
  said: readonly (string | Uint8Array)[],
  last: string | undefined,
): Promise<string> {
  let heard = "";
  let rest: Uint8Array = Buffer.concat(said.map((part) => Buffer.from(part)));
  const flush = (socket: { write(bytes: Uint8Array): number }) => {
    rest = rest.subarray(Math.max(0, socket.write(rest)));
  };
  const socket = await Bun.connect({
    unix: path,
    socket: {
      data: (_, bytes) => {
        heard += new TextDecoder().decode(bytes);
      },
      drain: flush,
    },
  });
  flush(socket);
  await until("all of it to be sent", () => rest.length === 0, STEP_MS);
  if (last !== undefined) await until(last, () => heard.endsWith(last), STEP_MS);
  socket.end();
  return heard;
}
