import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { tryRun } from "../../src/host/run.ts";
import type { AgentList } from "../../src/requester/agent/index.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabProcess, until } from "./lab.ts";
import { LENDING_NEEDS, LendingBox } from "./vm-lending-box.ts";
import { HOST, type Home, INTERNET, leftOfAgent, makeHome, REQUESTER, WEB_PORT } from "./vm-requester.ts";

const NEEDS = [
  ...LENDING_NEEDS,
  ...(["program:dnsmasq", "program:curl", "program:ssh", "program:ssh-keygen"] as const),
  ...(["program:slirp4netns", "program:setpriv", "program:flock"] as const),
];
/** In emulation, on a machine that may do much else. */
const PATIENCE_MS = 180_000;
const TEST_MS = 400_000;

/** Nobody's number, on any machine. */
const USER = 65_534;
const AS_USER = [
  ...["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"],
  ...[`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
];
const CLI = resolve(import.meta.dir, "../../src/cli/main.ts");
const isReadable = process.getuid?.() !== 0 || (await tryRun([...AS_USER, "test", "-r", CLI])).exitCode === 0;

describeNeeding(NEEDS, "omerta-box vm", () => {
  const lab = new Lab("vmcli");
  let home: Home;
  let box: LendingBox;

  /** A requester on the laptop at home, with a state of their own. */
  class Person {
    readonly state: string;
    readonly run: string;

    constructor(
      name: string,
      private readonly before: readonly string[] = [],
    ) {
      this.state = join(lab.folder, name, "state");
      this.run = join(lab.folder, name, "run");
      mkdirSync(join(lab.folder, name));
      if (before.length > 0) chownSync(join(lab.folder, name), USER, USER);
    }

    private command(name: string, args: readonly string[]): string[] {
      const own = ["--state", this.state, "--run", this.run];
      return [...this.before, process.execPath, CLI, "vm", name, ...own, ...args];
    }

    start(name: string, ...args: string[]): LabProcess {
      return home.requester.spawn(this.command(name, args));
    }

    vm(name: string, ...args: string[]) {
      return home.requester.tryRun(this.command(name, args), { timeoutMs: PATIENCE_MS });
    }

    /** @throws when it ends with another status than 0 */
    async does(name: string, ...args: string[]): Promise<string> {
      const { exitCode, stdout, stderr } = await this.vm(name, ...args);
      if (exitCode !== 0)
        throw new Error(`vm ${name}: ${exitCode}: ${stderr}${stdout}\n${this.log()}\n${box.words()}`);
      return stdout;
    }

    log(): string {
      const file = join(this.state, "agent.log");
      return existsSync(file) ? readFileSync(file, "utf8").slice(-6_000) : "";
    }

    /** The agent that runs now; undefined: none. */
    agent(): number | undefined {
      const pid = Number(/.*process (\d+)/s.exec(this.log())?.[1]);
      const runs = Number.isInteger(pid) && existsSync(`/proc/${pid}/cmdline`);
      return runs && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("agent-process.ts")
        ? pid
        : undefined;
    }

    /** What of this person's leases and VPN there is on this machine. Empty: nothing. */
    async left(): Promise<string[]> {
      const folders = existsSync(join(this.state, "leases")) ? readdirSync(join(this.state, "leases")) : [];
      const vpn = await leftOfAgent(home.requester, this.run);
      const agent = this.agent();
      return [...folders, ...vpn, ...(agent === undefined ? [] : [`agent ${agent}`])];
    }
  }

  const request = ["--provider", HOST, "--why", "a lab that tries leases", "--for", "10m", "--memory", "256"];

  /** A machine in which somebody can work. */
  async function ready(person: Person, ...args: string[]): Promise<LabProcess> {
    const started = person.start("request", ...request, ...args);
    const words = () => `${started.output()}\n${person.log()}\n${box.words()}`;
    const isReady = () => started.output().includes("Log in with");
    const ended = started.exited.then((code) => {
      throw new Error(`vm request ended with ${code}: ${words()}`);
    });
    // What it ends with later is looked at elsewhere.
    ended.catch(() => {});
    await Promise.race([ended, until("SSH", isReady, PATIENCE_MS)]).catch((error) => {
      throw new Error(`${error}: ${words()}`);
    });
    return started;
  }

  const nothing = (person: Person) =>
    until(
      "nothing to be left",
      async () => (await person.left()).length === 0 && (await box.left()).length === 0,
      60_000,
    ).catch(async (error) => {
      throw new Error(`${error}: ${await person.left()}, ${await box.left()}\n${person.log()}`);
    });

  const pages = `http://${INTERNET}:${WEB_PORT}/`;

  beforeAll(async () => {
    await lab.open();
    home = await makeHome(lab);
    box = await LendingBox.make(lab, home.host, HOST);
    await box.start();
  }, 900_000);
  afterAll(async () => {
    await box?.stop();
    await lab.close();
  }, 60_000);

  describe("as root", () => {
    let person: Person;
    beforeAll(() => {
      person = new Person("root");
    });
    afterEach(async () => {
      await person.vm("release", "--all");
    });

    test(
      "shows each step, gets into the machine, and leaves nothing when it is given back",
      async () => {
        const requesting = await ready(person);
        console.log(requesting.output());
        const steps = requesting.output().match(/^ +[\d.]+ s {2}.*$/gm) ?? [];
        const names = steps.map((line) => line.replace(/^ +[\d.]+ s {2}/, ""));
        expect(names.slice(0, 3)).toEqual([
          "asked",
          "let in",
          "its network is made, with no way but the tunnel",
        ]);
        expect(names).toContain("SSH answers through the tunnel");
        const times = steps.map((line) => Number.parseFloat(line));
        expect(times).toEqual([...times].sort((a, b) => a - b));

        expect(await person.does("list")).toMatch(
          /^[0-9a-f]{8} {2}ready .*198\.51\.100\.2.*a lab that tries leases$/m,
        );
        const { leases } = JSON.parse(await person.does("list", "--json")) as AgentList;
        expect(leases).toHaveLength(1);
        const [id = ""] = leases.map((lease) => lease.id);
        expect((await person.does("ssh", "--", "uname", "-s")).trim()).toBe("Linux");
        expect(await person.does("ssh", id.slice(0, 4), "--", "cat", "/etc/resolv.conf")).toContain(
          "nameserver 10.",
        );
        // Through the tunnel, and so from where the requester is.
        expect((await person.does("ssh", "--", `wget -q -O - ${pages}`)).trim()).toBe(`hello ${REQUESTER}`);
        expect((await person.vm("ssh", "--", "exit 7")).exitCode).toBe(7);

        const config = join(lab.folder, "ssh.conf");
        writeFileSync(config, await person.does("ssh-config", id));
        const by = ["ssh", "-F", config, "-o", "BatchMode=yes", `omerta-${id.slice(0, 8)}`, "id", "-un"];
        expect((await home.requester.run(by, { timeoutMs: 30_000 })).trim()).toBe("root");

        expect(await person.does("release")).toBe(`${id.slice(0, 8)}  given back\n`);
        expect(await requesting.exited).toBe(0);
        await nothing(person);
        expect(await person.does("list")).toBe("No virtual machine is borrowed now.\n");
      },
      TEST_MS,
    );

    test(
      "is given back by Ctrl-C where it was asked for, and not where somebody only has it",
      async () => {
        const held = await ready(person);
        await person.does("request", ...request, "--detach");
        expect((JSON.parse(await person.does("list", "--json")) as AgentList).leases).toHaveLength(2);
        await held.stop("SIGINT");
        expect(await held.exited).toBe(0);
        expect(held.output()).toContain("is given back");
        const { leases } = JSON.parse(await person.does("list", "--json")) as AgentList;
        expect(leases.map(({ phase }) => phase)).toEqual(["ready"]);
        expect((await person.does("ssh", "--", "echo", "still", "here")).trim()).toBe("still here");
        expect(await person.does("release", "--all")).toContain("given back");
        await nothing(person);
      },
      TEST_MS,
    );

    test(
      "goes on after its agent was killed, whether somebody looks at it or not",
      async () => {
        const shown = await ready(person);
        const first = person.agent() ?? 0;
        process.kill(first, "SIGKILL");
        await until("another agent", () => ![first, undefined].includes(person.agent()), PATIENCE_MS);
        await until("SSH again", () => shown.output().match(/SSH answers/g)?.length === 2, PATIENCE_MS);
        // Who asked is killed too: what it held is given back.
        await shown.stop("SIGKILL");
        await nothing(person);

        expect(await person.does("request", ...request, "--detach")).toContain("omerta-box vm release ");
        const second = person.agent() ?? 0;
        process.kill(second, "SIGKILL");
        await until("another agent", () => ![second, undefined].includes(person.agent()), PATIENCE_MS);
        await until(
          "SSH again",
          async () => (await person.vm("ssh", "--", "true")).exitCode === 0,
          PATIENCE_MS,
        );
        expect((await person.does("ssh", "--", `wget -q -O - ${pages}`)).trim()).toBe(`hello ${REQUESTER}`);
        await person.does("release");
        await nothing(person);
      },
      TEST_MS,
    );

    test(
      "says why nothing is lent",
      async () => {
        const refused = await person.vm("request", ...request, "--cpus", "64");
        expect(refused.exitCode).toBe(1);
        expect(refused.stderr).toContain(`${HOST} refuses: `);
        const unnamed = await person.vm("request", "--why", "a lab that tries leases");
        expect([unnamed.exitCode, unnamed.stderr]).toEqual([1, expect.stringContaining("no box is named")]);
        await nothing(person);
      },
      TEST_MS,
    );
  });

  if (!isReadable) describe.skip("without rights [skipped: other users cannot read this checkout]", () => {});
  else
    describe("without rights", () => {
      test(
        "does the same, with nothing changed of the machine's network, and goes on after a kill",
        async () => {
          const person = new Person("user", AS_USER);
          await person.does("request", ...request, "--detach");
          expect(await home.requester.run(["ip", "-o", "link"])).not.toContain("omq");
          const agent = person.agent() ?? 0;
          const status = await Bun.file(`/proc/${agent}/status`).text();
          expect(/^CapEff:\s*(\w+)/m.exec(status)?.[1]).toBe("0".repeat(16));
          expect((await person.does("ssh", "--", `wget -q -O - ${pages}`)).trim()).toBe(`hello ${REQUESTER}`);
          const config = join(lab.folder, "user", "ssh.conf");
          const text = await person.does("ssh-config");
          await Bun.write(config, text);
          chownSync(config, USER, USER);
          const [, host = ""] = /^Host (\S+)/.exec(text) ?? [];
          const by = [...AS_USER, "ssh", "-F", config, "-o", "BatchMode=yes", host, "uname", "-s"];

          process.kill(agent, "SIGKILL");
          await until("another agent", () => ![agent, undefined].includes(person.agent()), PATIENCE_MS);
          await until(
            "SSH by the same file",
            async () => (await home.requester.tryRun(by, { timeoutMs: 30_000 })).stdout.trim() === "Linux",
            PATIENCE_MS,
          );
          expect(await person.does("release")).toContain("given back");
          await nothing(person);
        },
        TEST_MS,
      );
    });
});
