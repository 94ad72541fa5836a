import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { tryRun } from "../../../src/host/run.ts";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { meshApi } from "../../../src/mesh/api/mesh-api.ts";
import { MeshError } from "../../../src/mesh/api/mesh-control.ts";
import { MESH_SOCKET, type PathStatus, type PeerStatus } from "../../../src/mesh/index.ts";
import { FakeControl, NETWORK } from "../mesh/api/fake-control.ts";
import { scratchFolders } from "../scratch.ts";
import { runHere } from "./run-here.ts";

const CLI = resolve(import.meta.dir, "../../../src/cli/main.ts");
const scratch = scratchFolders();
const servers: { stop(force: boolean): Promise<void> }[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop(true)));
});

/** A box's mesh that answers as it is told to, and the command line beside it. */
function box() {
  const folder = scratch();
  const mesh = new FakeControl();
  const app = meshApi(mesh);
  servers.push(serveSocket(join(folder, MESH_SOCKET), (request) => app.fetch(request)));
  const cli = (...args: string[]) => runHere("mesh", ...args, "--run", folder);
  return { mesh, cli, folder };
}

/** A name that would draw on the screen and turn the rest of the line around. */
const NASTY = "mill\u001b[2J\u202egpj\r\nroot";
const plainly = (text: string) => {
  for (const steering of ["\u001b", "\u202e", "\r"]) expect(text).not.toContain(steering);
  return text;
};

const path = (more: Partial<PathStatus>): PathStatus => ({
  kind: "ethernet",
  target: { by: "udp", endpoint: { address: "10.81.0.2", port: 4_600 } },
  cost: 0,
  metered: false,
  id: "1",
  state: "good",
  chosen: false,
  loss: 0,
  sentBytes: 0,
  receivedBytes: 0,
  ...more,
});

const peer = (more: Partial<PeerStatus> = {}): PeerStatus => ({
  network: NETWORK.id,
  peer: "12D3KooWfar",
  name: "mill",
  role: "box",
  words: "one two three four",
  connected: true,
  streams: ["tcp", "webrtc"],
  paths: [],
  nat: "cone",
  relays: true,
  services: [],
  load: 0,
  heardSecondsAgo: 75,
  ...more,
});

describe("omerta-box mesh", () => {
  test("status tells of each network who this box is there, who is there, and what is wrong", async () => {
    const { mesh, cli } = box();
    const { ports: _none, ...silent } = NETWORK;
    mesh.networksKnown = [NETWORK, { ...silent, name: NASTY, trouble: `${NASTY} does not run` }];
    const { exitCode, stdout } = await cli("status");
    expect(exitCode).toBe(0);
    const [first = "", second = ""] = plainly(stdout).split("\n\n");
    for (const line of [
      "Harbour (0123456789abcdef): one two three four",
      "  this box    box, five six, 12D3KooWself",
      "  others      1 connected of 2 known",
      "  from afar   ",
      "  ports       TCP 4600 and 4601, UDP 4600",
    ])
      expect(first).toContain(line);
    expect(first).toContain("203.0.113.7:4600");
    expect(first).not.toContain("trouble");
    expect(second).toContain("  trouble     mill [2J gpj root does not run");
    expect(second).not.toContain("ports");
  });

  test("status of a box in no network says how to get into one", async () => {
    const { mesh, cli } = box();
    mesh.networksKnown = [];
    expect((await cli("status")).stdout).toContain(
      'Join one with "mesh join LINK", or make one with "mesh found NAME"',
    );
  });

  test("peers tells how each is reached, the way that is taken marked", async () => {
    const { mesh, cli } = box();
    mesh.peersKnown = [
      peer({
        paths: [
          path({ chosen: true, rttMs: 1.234, interface: "eth0" }),
          path({
            kind: "relay",
            target: { by: "relay", relay: "12D3KooWrelay" },
            state: "doubtful",
            loss: 0.25,
          }),
          path({ kind: "lora", target: { by: "lora", address: 0xa1b2 }, state: "untried" }),
          path({ kind: "stream", target: { by: "stream", connectionId: "c" }, state: "dead" }),
        ],
      }),
      peer({ name: NASTY, connected: false, streams: [], relays: false, paths: [] }),
      peer({ name: "", streams: [] }),
    ];
    const { exitCode, stdout } = await cli("peers", "--network", "Harbour West");
    expect([exitCode, mesh.asked]).toEqual([0, [["peers", "Harbour West"]]]);
    for (const line of [
      "mill  one two three four  12D3KooWfar\n  connected by tcp, webrtc, heard of 1 min 15 s ago, relays\n",
      "  → ethernet  10.81.0.2 port 4600 by eth0: good, 1.2 ms\n",
      "    relay     by 12D3KooWrelay: doubtful, 25 % lost\n",
      "    lora      LoRa 00a1b2: untried\n",
      "    stream    over a stream: dead\n",
      "mill [2J gpj root  one two",
      "  not connected, heard of 1 min 15 s ago\n",
      "(no name)  one two three four  12D3KooWfar\n  connected by datagrams",
    ])
      expect(plainly(stdout)).toContain(line);
    mesh.peersKnown = [];
    expect((await cli("peers")).stdout).toBe("No other box is known yet.\n");
  });

  test("trace tells each way, what it leads over and how long it took", async () => {
    const { mesh, cli } = box();
    mesh.steps = [
      { kind: "ethernet", via: "10.81.0.2:4600 by eth0", chosen: true, rttMs: 0.82, result: "good" },
      { kind: "relay", via: `through ${NASTY}`, chosen: false, result: "untried" },
    ];
    const { exitCode, stdout } = await cli("trace", "mill", "--network", "Harbour");
    expect([exitCode, mesh.asked]).toEqual([0, [["trace", "Harbour", "mill"]]]);
    expect(plainly(stdout)).toBe(
      "→ ethernet   10.81.0.2:4600 by eth0  0.8 ms  good\n  relay      through mill [2J gpj root  untried\n",
    );
    mesh.steps = [];
    expect((await cli("trace", "mill")).stdout).toBe("There is no way to it.\n");
  });

  test("invite gives the link, a QR code of it, and what it is good for", async () => {
    const { mesh, cli } = box();
    const { exitCode, stdout } = await cli("invite", "--role", "operator", "--once", "--for", "12h");
    expect([exitCode, mesh.asked]).toEqual([
      0,
      [["invite", "-", { role: "operator", once: true, hours: 12 }]],
    ]);
    expect(stdout).toContain("█");
    expect(stdout).toContain("\nomerta://invite/link\n");
    expect(stdout).toContain("joins as operator, one alone, within 12 h");
    expect(stdout).toContain("It names 2 boxes to begin with.");
    expect(stdout).toContain("mesh revoke --invite 0a1b2c3d4e5f");
    // Too long for a QR code, it is given all the same.
    mesh.link = `omerta://invite/${"x".repeat(3_500)}`;
    const long = await cli("invite", "--for", "0");
    expect(long.exitCode).toBe(0);
    expect(long.stdout).toContain(mesh.link);
    expect(long.stdout).toContain("joins as box: pass it on with care");
    expect(mesh.asked.at(-1)).toEqual(["invite", "-", { role: "box", once: false, hours: 0 }]);
  });

  test("invites tells what each is for, how long it holds, and who came by it", async () => {
    const { mesh, cli } = box();
    const made = { once: false, at: Date.UTC(2026, 6, 1) / 1_000, expiresAt: Date.UTC(2026, 6, 8) / 1_000 };
    mesh.invitesKnown = [
      { id: "0a1b2c3d4e5f", role: "box", state: "open", made, came: [{ peer: "12D3KooWfar", name: NASTY }] },
      { id: "1a1b2c3d4e5f", role: "operator", state: "used", made: { ...made, once: true }, came: [] },
      { id: "2a1b2c3d4e5f", role: "box", state: "closed", came: [{ peer: "12D3KooWnear", name: "" }] },
    ];
    const { exitCode, stdout } = await cli("invites", "--network", "Harbour West");
    expect([exitCode, mesh.asked]).toEqual([0, [["invites", "Harbour West"]]]);
    expect(plainly(stdout).split("\n")).toEqual([
      "0a1b2c3d4e5f  open, joins as box, made 2026-07-01 00:00 UTC, until 2026-07-08 00:00 UTC",
      "  mill [2J gpj root  12D3KooWfar",
      "1a1b2c3d4e5f  used, joins as operator, for one, made 2026-07-01 00:00 UTC",
      "2a1b2c3d4e5f  closed, joins as box, made elsewhere",
      "  (no name)  12D3KooWnear",
      "",
    ]);
    mesh.invitesKnown = [];
    expect((await cli("invites")).stdout).toContain("No invite is known here");
  });

  test("revoke puts out all who came by an invite, or with --keep only closes it", async () => {
    const { mesh, cli } = box();
    const all = await cli("revoke", "--invite", "0a1b", "--why", "leaked");
    expect([all.exitCode, all.stdout]).toEqual([0, expect.stringContaining("came by it is out: 2 members.")]);
    mesh.putOut = 0;
    expect((await cli("revoke", "--invite", "0a1b")).stdout).toContain("nobody that is known here");
    const closed = await cli("revoke", "--keep", "--invite", "omerta://invite/x", "--network", "x");
    expect(closed.stdout).toContain("The invite 0a1b2c3d4e5f lets nobody new in");
    expect(mesh.asked).toEqual([
      ["revokeInvite", "-", "0a1b", { keep: false, why: "leaked" }],
      ["revokeInvite", "-", "0a1b", { keep: false, why: "" }],
      ["revokeInvite", "x", "omerta://invite/x", { keep: true, why: "" }],
    ]);
  });

  test("does what it is asked to in the network that is meant", async () => {
    const { mesh, cli } = box();
    for (const [args, words] of [
      [["found", NASTY], 'The network "mill [2J gpj root" is there, and this box is in it.'],
      [["join", "omerta://invite/x"], 'This box belongs to "Harbour" now.'],
      [["leave", "Harbour West"], "Left."],
      [
        ["revoke", "mill", "--why", "sold", "--network", "x"],
        "The invite that it came by lets nobody new in",
      ],
      [["rotate"], "There is a new shared key"],
    ] as const) {
      const { exitCode, stdout } = await cli(...args);
      expect([exitCode, plainly(stdout)]).toEqual([0, expect.stringContaining(words)]);
    }
    expect(mesh.asked).toEqual([
      // The API leaves what is around a name away.
      ["found", NASTY],
      ["join", "omerta://invite/x"],
      ["leave", "Harbour West"],
      ["revoke", "x", "mill", "sold"],
      ["rotate", "-"],
    ]);
  });

  test("gives machines the answer as it is", async () => {
    const { mesh, cli } = box();
    mesh.peersKnown = [peer()];
    expect(JSON.parse((await cli("status", "--json")).stdout)).toEqual([NETWORK]);
    expect(JSON.parse((await cli("peers", "--json")).stdout)).toEqual(mesh.peersKnown);
    expect(JSON.parse((await cli("invite", "--json")).stdout)).toEqual({
      link: mesh.link,
      bootstrap: 2,
      id: "0a1b2c3d4e5f",
    });
  });

  test("ends with 1 and the box's own words when it is refused", async () => {
    const { mesh, cli } = box();
    mesh.failure = new MeshError(`peer: no member is called ${NASTY}`, "unknown");
    for (const args of [["status"], ["revoke", "mill"], ["leave", "x", "--json"]]) {
      const { exitCode, stdout, stderr } = await cli(...args);
      expect([exitCode, stdout, plainly(stderr)]).toEqual([
        1,
        "",
        "omerta-box: peer: no member is called mill [2J gpj root\n",
      ]);
    }
    mesh.failure = undefined;
    const { exitCode, stderr } = await cli("invite", "--for", "99999d");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("omerta-box: hours: ")]);
  });

  test.each([
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["found"], "missing required argument 'name'"],
    [["join"], "missing required argument 'link'"],
    [["trace"], "missing required argument 'peer'"],
    [["leave"], "missing required argument 'network'"],
    [["revoke"], "name either a member or, with --invite, an invite"],
    [["revoke", "mill", "--invite", "0a1b"], "name either a member or, with --invite, an invite"],
    [["revoke", "mill", "--keep"], "--keep goes with --invite"],
    [["invite", "--role", "king"], "Allowed choices are box, person, operator, requester"],
    [["invite", "--for", "soon"], "such as 12h or 7d, or 0"],
    [["invite", "--for", "12"], "such as 12h or 7d, or 0"],
    [["invite", "--for", "-1h"], "such as 12h or 7d, or 0"],
    [["status", "--frobnicate"], "unknown option '--frobnicate'"],
  ])("ends with 2 and says why when it is used wrongly: %p", async (args, words) => {
    const { exitCode, stdout, stderr } = await runHere("mesh", ...args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });

  test("ends with 4 where no box runs, whatever is asked", async () => {
    const folder = scratch();
    writeFileSync(join(folder, "words"), "correct horse battery\n");
    writeFileSync(join(folder, "keys.age"), "");
    for (const args of [
      ["status"],
      ["join", "omerta://invite/x"],
      ["export", join(folder, "new.age"), "--passphrase-file", join(folder, "words")],
      ["import", join(folder, "keys.age"), "--passphrase-file", join(folder, "words")],
    ]) {
      const { exitCode, stdout, stderr } = await runHere("mesh", ...args, "--run", folder);
      expect([exitCode, stdout]).toEqual([4, ""]);
      expect(stderr).toContain("no box is running here");
    }
    expect(existsSync(join(folder, "new.age"))).toBe(false);
  });
});

describe("omerta-box mesh export and import", () => {
  test("write the keys into a file that its owner alone can read, and take them from one", async () => {
    const { mesh, cli, folder } = box();
    const [words, file] = [join(folder, "words"), join(folder, "keys.age")];
    writeFileSync(words, "correct horse battery\r\nnothing of this\n");
    const out = await cli("export", file, "--passphrase-file", words);
    expect([out.exitCode, out.stdout]).toEqual([0, expect.stringContaining(`Written to ${file}.`)]);
    expect(readFileSync(file, "utf8")).toBe("an age file");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const back = await cli("import", file, "--passphrase-file", words);
    expect([back.exitCode, back.stdout]).toEqual([0, "Taken over: Harbour.\n"]);
    expect(mesh.asked).toEqual([
      ["exportKeys", "correct horse battery"],
      ["importKeys", "an age file", "correct horse battery"],
    ]);
  });

  test("write the file for machines as well, and tell them where it is, not what is in it", async () => {
    const { cli, folder } = box();
    const [words, file] = [join(folder, "words"), join(folder, "keys.age")];
    writeFileSync(words, "correct horse battery");
    const { exitCode, stdout } = await cli("export", file, "--json", "--passphrase-file", words);
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { file }]);
    expect(readFileSync(file, "utf8")).toBe("an age file");
  });

  test("overwrite no file, and end with 1 where there is none to read, or no terminal to ask at", async () => {
    const { cli, folder } = box();
    const [words, file] = [join(folder, "words"), join(folder, "keys.age")];
    writeFileSync(words, "correct horse battery");
    writeFileSync(file, "the only copy");
    for (const [args, why] of [
      [["export", file, "--passphrase-file", words], "EEXIST"],
      [["export", join(folder, "new.age"), "--passphrase-file", join(folder, "none")], "ENOENT"],
      [["import", join(folder, "none"), "--passphrase-file", words], "ENOENT"],
    ] as const) {
      const { exitCode, stdout, stderr } = await cli(...args);
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(why);
    }
    const command = [process.execPath, CLI, "mesh", "export", join(folder, "new.age"), "--run", folder];
    const { exitCode, stderr } = await tryRun(command, { cwd: folder });
    expect([exitCode, stderr]).toEqual([
      1,
      "omerta-box: no terminal to ask for the passphrase; use --passphrase-file\n",
    ]);
    expect(readFileSync(file, "utf8")).toBe("the only copy");
    expect(existsSync(join(folder, "new.age"))).toBe(false);
  });
});

describe("a passphrase", () => {
  /** Types at a terminal: each text at the next question. @returns how it ended, and all that the terminal showed */
  async function typed(args: string[], folder: string, texts: readonly string[]) {
    let shown = "";
    let turn = () => {};
    const child = Bun.spawn([process.execPath, CLI, "mesh", ...args, "--run", folder], {
      cwd: folder,
      terminal: {
        data: (_terminal, data) => {
          shown += Buffer.from(data).toString();
          turn();
        },
      },
    });
    const asked = () => shown.match(/Passphrase: |Once more: /g)?.length ?? 0;
    for (const [index, text] of texts.entries()) {
      while (asked() <= index)
        await new Promise<void>((resolve) => {
          turn = resolve;
        });
      // The question is shown before the terminal is made silent.
      await Bun.sleep(50);
      child.terminal?.write(text);
    }
    return { exitCode: await child.exited, shown };
  }

  test("is asked for twice, and never shown", async () => {
    const { mesh, folder } = box();
    const file = join(folder, "keys.age");
    const { exitCode, shown } = await typed(["export", file], folder, ["correct horse\r", "correct horse\r"]);
    expect([exitCode, mesh.asked]).toEqual([0, [["exportKeys", "correct horse"]]]);
    expect(shown).not.toContain("horse");
    expect(shown).toContain("Written to");
  });

  test.each([
    [
      "that was typed otherwise the second time",
      ["correct horse\r", "correct house\r"],
      "the two passphrases differ",
    ],
    ["that is given up with Ctrl-C", ["\u0003"], "no passphrase was given"],
    ["that is given up with Ctrl-D", ["\u0004"], "no passphrase was given"],
  ])("%s is none, and nothing is asked of the box", async (_what, texts, why) => {
    const { mesh, folder } = box();
    const { exitCode, shown } = await typed(["export", join(folder, "keys.age")], folder, texts);
    expect([exitCode, mesh.asked]).toEqual([1, []]);
    expect(shown).toContain(`omerta-box: ${why}`);
  });
});
