import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { systemTimers } from "../../../../src/host/timers.ts";
import { ControlSocket, parseStatus } from "../../../../src/wifi/air/control-socket.ts";
import { endedScan, parseIwEvent } from "../../../../src/wifi/air/iw-event.ts";
import { endUnwanted, LastingProgram } from "../../../../src/wifi/air/lasting-program.ts";
import { UnixDatagram, UnixDatagramError } from "../../../../src/wifi/air/unix-datagram.ts";
import { describeNeeding } from "../../../needs.ts";

/** hostapd without a radio: all but the air is real. */
const conf = (folder: string, name: string) =>
  `interface=lo\ndriver=none\nssid2="${name}"\nhw_mode=g\nchannel=1\nctrl_interface=${folder}/control\n`;

describeNeeding(["root", "program:hostapd"], "a program that outlives the daemon", () => {
  let folder = "";
  let programs: LastingProgram[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "omerta-air-"));
    programs = [];
  });
  afterEach(async () => {
    for (const one of programs) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function program(name = "one", ended = () => {}): LastingProgram {
    const path = join(folder, "hostapd-ap0.conf");
    const made = new LastingProgram({
      name: "hostapd-ap0",
      command: ["hostapd", path],
      file: { path, text: conf(folder, name) },
      runFolder: folder,
      ended,
    });
    programs.push(made);
    return made;
  }

  async function control(events: string[] = []): Promise<ControlSocket> {
    const path = join(folder, "control/lo");
    const socket = new ControlSocket({ path, timers: systemTimers, onEvent: (event) => events.push(event) });
    for (;;) {
      try {
        await socket.open();
        return socket;
      } catch {
        await Bun.sleep(20); // It makes its socket some time after it has started.
      }
    }
  }

  test("answers on its control socket, and tells what it does", async () => {
    const events: string[] = [];
    expect(await program().start()).toBe("started");
    const socket = await control(events);
    const [pong, status] = await Promise.all([socket.ask("PING"), socket.ask("STATUS")]);
    expect(pong).toBe("PONG\n");
    expect(parseStatus(status).get("state")).toBe("ENABLED");
    expect(await socket.ask("DISABLE")).toBe("OK\n");
    while (events.length === 0) await Bun.sleep(20);
    expect(events[0]).toBe("AP-DISABLED");
    socket.close();
  });

  test("is taken up by the next daemon as it is, where its file is the same", async () => {
    await program().start();
    const pid = runningPid(folder);
    expect(await program().start()).toBe("taken up");
    expect(runningPid(folder)).toBe(pid);
    expect(programs[1]?.isRunning).toBe(true);
  });

  test("is started anew by the next daemon where its file is another one", async () => {
    await program("one").start();
    const pid = runningPid(folder);
    expect(await program("two").start()).toBe("started");
    expect(runningPid(folder)).not.toBe(pid);
    expect(readFileSync(join(folder, "hostapd-ap0.conf"), "utf8")).toContain("two");
  });

  test("tells of its end at once, unless it was asked to end", async () => {
    const ended = Promise.withResolvers<void>();
    const first = program("one", ended.resolve);
    await first.start();
    process.kill(runningPid(folder) ?? 0, "SIGKILL");
    await ended.promise;
    expect(first.isRunning).toBe(false);
    expect(first.ending).toBe("has ended (SIGKILL)");
    let isTold = false;
    const second = program("one", () => {
      isTold = true;
    });
    await second.start();
    await second.stop();
    expect(isTold).toBe(false);
  });

  test("that hangs is ended without a wait", async () => {
    const hung = program();
    await hung.start();
    const pid = runningPid(folder) ?? 0;
    process.kill(pid, "SIGSTOP");
    const startedMs = performance.now();
    await hung.stop(true);
    const atOnceMs = performance.now() - startedMs;
    expect(runningPid(folder)).toBeUndefined();
    // The control: one that is asked first has a second for its answer.
    const asked = program();
    await asked.start();
    process.kill(runningPid(folder) ?? 0, "SIGSTOP");
    const askedFromMs = performance.now();
    await asked.stop();
    expect(runningPid(folder)).toBeUndefined();
    expect(atOnceMs).toBeLessThan(performance.now() - askedFromMs);
  });

  test("is ended, its file removed, when the next daemon does not want it", async () => {
    await program().start();
    await endUnwanted(folder, new Set());
    expect(runningPid(folder)).toBeUndefined();
    expect(existsSync(join(folder, "hostapd-ap0.conf"))).toBe(false);
  });

  test("says how it has ended, and its last words", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const path = join(folder, "hostapd-ap0.conf");
    const broken = new LastingProgram({
      name: "hostapd-ap0",
      command: ["hostapd", path],
      file: { path, text: "no_such_key=1\n" },
      runFolder: folder,
      ended: resolve,
    });
    await broken.start();
    await promise;
    expect(readFileSync(join(folder, "hostapd-ap0.log"), "utf8")).toContain("no_such_key");
    expect(broken.ending).toMatch(/^has ended \(status 1\): ./);
  });
});

test("a program of one's own is not taken for ended before it has words to be known by, and is ended all the same", async () => {
  const folder = mkdtempSync(join(tmpdir(), "omerta-air-"));
  // As right after its start on a slow card, what it was called with is not to be seen.
  const path = join(folder, "hostapd-ap0.conf");
  const program = new LastingProgram({
    ...{ name: "hostapd-ap0", runFolder: folder, ended: () => {} },
    command: ["sh", "-c", 'echo $$ >"$0" && exec sleep 100', path],
    file: { path, text: "" },
  });
  try {
    await program.start();
    while (readFileSync(path, "utf8") === "") await Bun.sleep(10);
    const pid = Number(readFileSync(path, "utf8"));
    while (!readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep")) await Bun.sleep(10);
    expect(program.isRunning).toBe(true);
    await program.stop();
    expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
    expect(program.isRunning).toBe(false);
  } finally {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a socket that nobody has made cannot be reached", () => {
  expect(() => UnixDatagram.connect("/nonexistent/socket")).toThrow(UnixDatagramError);
  expect(() => UnixDatagram.connect(`/tmp/${"x".repeat(120)}`)).toThrow("naming");
});

test("a status is read whatever it is", () => {
  fc.assert(fc.property(fc.string(), (text) => parseStatus(text).size <= text.length));
  expect([...parseStatus("state=ENABLED\nssid[0]=a=b\n=x\nnothing")]).toEqual([
    ["state", "ENABLED"],
    ["ssid[0]", "a=b"],
  ]);
});

test("of what the kernel tells, rules and radios are understood, and anything else is let be", () => {
  expect(parseIwEvent("regulatory domain change: set to DE by a user request")).toBe("rules");
  expect(parseIwEvent("phy #3: renamed to phy3")).toBe("radios");
  expect(parseIwEvent("ap0 (phy #0): new station 02:00:00:00:01:00")).toBeUndefined();
  fc.assert(fc.property(fc.string(), (text) => ["rules", "radios", undefined].includes(parseIwEvent(text))));
});

test("of the end of a scan it is known whose it was, and a begun one has not ended", () => {
  expect(endedScan('wlan0 (phy #0): scan finished: 2412 2437 2462, ""')).toBe("wlan0");
  expect(endedScan('wlan0 (phy #0): scan aborted: 2412, ""')).toBe("wlan0");
  expect(endedScan("wlan0: scan finished")).toBe("wlan0");
  for (const line of ["wlan0 (phy #0): scan started", "", "an interface's name (phy #0): scan finished"])
    expect(endedScan(line)).toBeUndefined();
});

/** The hostapd that runs with the file of a folder. */
function runningPid(folder: string): number | undefined {
  const { stdout } = Bun.spawnSync(["pgrep", "-f", `^hostapd ${folder}/`]);
  const [pid] = stdout.toString().split("\n").filter(Boolean);
  return pid === undefined ? undefined : Number(pid);
}
