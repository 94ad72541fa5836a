import { beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type AppFile, bundleApp } from "../../../image-build/app/bundle.ts";
import { makeExecutable } from "../../../image-build/app/executable.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { COMMAND_NAMES } from "../../../src/cli/command-line.ts";
import { bunCommand } from "../../../src/host/own-program.ts";
import { tryRun } from "../../../src/host/run.ts";
import type { LoraView } from "../../../src/lora/index.ts";
import { scratchFolders } from "../scratch.ts";

const PROJECT = resolve(import.meta.dir, "../../..");
const scratch = scratchFolders();

let folder = "";
let files: AppFile[];
/** As an image has it. */
const program = () => join(folder, "src/cli/omerta-box");
// As systemd starts it: not where packages could be found by chance.
const cli = (...args: string[]) => tryRun([program(), ...args], { cwd: "/" });
const BUN = process.execPath;
const architecture = process.arch === "arm64" ? "arm64" : "x64";
const executable = (work: string, appFolder = folder) =>
  makeExecutable(files, { bun: BUN, architecture, appFolder: appFolder.slice(1), work });

beforeAll(async () => {
  folder = scratch();
  ({ files } = await bundleApp(PROJECT));
  const { file, beside } = await executable(scratch());
  for (const { path, contents } of beside) await Bun.write(join(folder, path), contents);
  mkdirSync(dirname(program()), { recursive: true });
  copyFileSync(file, program());
  symlinkSync(join(PROJECT, "node_modules"), join(folder, "node_modules"));
}, 120_000);

test("the same sources give the same program", async () => {
  const digests = (made: readonly AppFile[]) =>
    made.map(({ path, contents }) => `${path} ${Bun.hash(contents)}`);
  expect(digests((await bundleApp(PROJECT)).files)).toEqual(digests(files));
}, 60_000);

test("so it is as one executable, in whatever folder that is made", async () => {
  const digest = async (work: string) => Bun.hash(await Bun.file((await executable(work)).file).bytes());
  const [one, other] = [scratch(), join(scratch(), "another one/with a longer name")];
  expect(await digest(one)).toBe(await digest(other));
  expect(await digest(one)).toBe(Bun.hash(await Bun.file(program()).bytes()));
}, 120_000);

/** The files that are loaded with a part of the program, before it does anything. */
function loadedWith(part: string): AppFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const loaded = new Set(files.filter(({ path }) => path.startsWith(`src/cli/${part}-`)));
  for (const file of loaded)
    for (const [, name = ""] of textOf(file).matchAll(/(?:\bfrom|\bimport)\s*"(\.\/[^"]+)"/g)) {
      const other = byPath.get(join(dirname(file.path), name));
      if (other) loaded.add(other);
    }
  return [...loaded];
}

const textOf = ({ contents }: AppFile) => new TextDecoder().decode(contents);

test("what the open network waits for has nothing of the box's other parts in it", () => {
  const [run, services] = [loadedWith("run"), loadedWith("services")];
  const has = (name: string) => (file: AppFile) => textOf(file).includes(name);
  for (const name of ["class KernelBackend", "class WifiPart"])
    expect([name, run.filter(has(name)).length]).toEqual([name, 1]);
  for (const name of ["class MeshPart", "class MessagesPart", "class PortalPart", "class LendingPart"])
    expect([name, services.some(has(name)), run.some(has(name))]).toEqual([name, true, false]);
});

test("of the executable nothing says where it was built", async () => {
  // Its own folder apart, which is an image's.
  const { file } = await executable(scratch(), "/opt/omerta-box");
  const bytes = Buffer.from(await Bun.file(file).bytes());
  expect(bytes.includes("/opt/omerta-box/src/cli/main.ts")).toBe(true);
  expect([PROJECT, folder, dirname(file)].filter((told) => bytes.includes(told))).toEqual([]);
}, 60_000);

test("nothing in it says where it was built: another folder gives the same program", () => {
  const told = files.filter(({ contents }) => Buffer.from(contents).includes(PROJECT));
  expect(told.map(({ path }) => path)).toEqual([]);
});

test("each of its files finds those that it loads", () => {
  const loads = /(?:\bfrom|\bimport|\bimport\()\s*"(\.{1,2}\/[^"]+)"/g;
  const all = files.flatMap(({ path, contents }) =>
    path.startsWith("src/") && /\.(?:ts|js)$/.test(path)
      ? [...new TextDecoder().decode(contents).matchAll(loads)].map(([, name = ""]) => ({ path, name }))
      : [],
  );
  expect(all.length).toBeGreaterThan(100);
  const there = new Set(files.map(({ path }) => path));
  const missing = all.filter(({ path, name }) => !there.has(join(dirname(path), name)));
  expect(missing).toEqual([]);
});

test.each(COMMAND_NAMES.map((name) => [name]))(
  "%s loads from it, without the project's sources",
  async (name) => {
    const { exitCode, stdout, stderr } = await cli(name, "--help");
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toStartWith(`Usage: omerta-box ${name} `);
  },
  30_000,
);

test("so does the process that ends machines, which is no command", async () => {
  expect((await cli("vm-reaper")).stderr).toContain("vm-reaper: --order: is none of this version");
}, 30_000);

test("the executable runs the files beside it as Bun does", async () => {
  const server = Bun.listen({
    ...{ hostname: "127.0.0.1", port: 0 },
    socket: { data: (socket, bytes) => void socket.end(`${bytes} heard`) },
  });
  try {
    const pipe = join(folder, "src/requester/tcp-pipe.ts");
    const command = bunCommand(pipe).map((word) => (word === process.execPath ? program() : word));
    const { stdout, stderr, exitCode } = await tryRun([...command, "127.0.0.1", String(server.port)], {
      ...{ cwd: "/", input: "hello" },
    });
    expect([exitCode, stdout, stderr]).toEqual([0, "hello heard", ""]);
  } finally {
    server.stop(true);
  }
}, 30_000);

test("a box runs from it, and finds what drives its LoRa case", async () => {
  const [state, run] = [join(folder, "box/state"), join(folder, "box/run")];
  // The portal's process runs as another user and must reach them.
  chmodSync(folder, 0o755);
  const box = Bun.spawn(
    [
      ...[program(), "run", "--state", state, "--run", run],
      ...["--portal-port", "21280", "--console-port", "21290"],
    ],
    { cwd: "/", stdout: "pipe", stderr: "inherit", stdin: "ignore" },
  );
  const said = new Response(box.stdout).text();
  try {
    const neighbour = async () => {
      const { stdout } = await cli("lora", "status", "--json", "--run", run);
      return stdout === "" ? undefined : (JSON.parse(stdout) as LoraView).cases[0]?.heard[0]?.address;
    };
    while ((await neighbour()) === undefined) await Bun.sleep(200);
    const { stdout } = await cli("status", "--json", "--run", run);
    const { parts } = JSON.parse(stdout) as { parts: { name: string; state: string }[] };
    expect(parts.length).toBeGreaterThan(5);
    expect(parts.filter(({ state }) => state !== "running")).toEqual([]);
  } finally {
    box.kill("SIGTERM");
  }
  expect(await box.exited).toBe(0);
  expect(await said).toContain("Portal, as a guest sees it");
}, 60_000);

test("the processes that face strangers import little of it", () => {
  const bytesOf = (...parts: string[]): number =>
    [...new Set(parts.flatMap(loadedWith))].reduce((sum, file) => sum + textOf(file).length, 0);
  const [front, portal, all] = [bytesOf("tls-front"), bytesOf("portal"), bytesOf("run", "services")];
  expect(front).toBeGreaterThan(1_000);
  expect(front).toBeLessThan(portal);
  expect(portal).toBeLessThan(all / 2);
});

test("what is imported for what it does, and not for what it gives, is named in package.json", () => {
  const { sideEffects } = packageJson;
  const own = [...new Bun.Glob("{src,portal,hardware}/**/*.ts").scanSync(PROJECT)];
  expect(own.length).toBeGreaterThan(500);
  const imported = own.flatMap((path) =>
    [...readFileSync(join(PROJECT, path), "utf8").matchAll(/^import "(\.[^"]+)";$/gm)].map(([, name = ""]) =>
      relative(PROJECT, resolve(PROJECT, dirname(path), name)),
    ),
  );
  expect([...new Set(imported)].sort()).toEqual([...sideEffects].sort());
});
