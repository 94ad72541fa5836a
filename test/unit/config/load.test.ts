import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  ConfigError,
  type ConfigProblem,
  defaultConfig,
  loadConfig,
  parseConfig,
  problemLine,
} from "../../../src/config/index.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

/** The problems of a configuration that has some. */
function problemsOf(toml: string): readonly ConfigProblem[] {
  try {
    parseConfig(toml);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("a broken configuration", () => {
  test("has all its problems named at once, each with key, value and what is allowed", () => {
    const problems = problemsOf(`
      [box]
      name = ""
      [gateway]
      lease_minutes = 0
      subnet = "8.8.8.0/24"
      guest_to_guest = "yes"
      [gateway.uplink]
      up_kbit = 1.5
      [[gateway.services]]
      name = "Library"
      port = 8081
      [[gateway.services]]
      name = "Chat"
      port = 70000
      protocol = "icmp"
      [management]
      listen = ["127.0.0.1:8090", "nowhere"]
      [log]
      level = "loud"
    `);
    expect(problems.map(({ key, value }) => [key, value])).toEqual([
      ["box.name", '""'],
      ["gateway.subnet", '"8.8.8.0/24"'],
      ["gateway.lease_minutes", "0"],
      ["gateway.guest_to_guest", '"yes"'],
      ["gateway.uplink.up_kbit", "1.5"],
      ["gateway.services[1].port", "70000"],
      ["gateway.services[1].protocol", '"icmp"'],
      ["management.listen[1]", '"nowhere"'],
      ["log.level", '"loud"'],
    ]);
    const words = [
      "text of 1 to 60 characters",
      'or a private IPv4 network such as "10.20.0.0/20"',
      "a whole number from 2 to 1440",
      "true or false",
      "a whole number from 0 to 10000000",
      "a whole number from 1 to 65535",
      'one of "tcp", "udp"',
      'an address and a port such as "192.168.7.1:8090" or "[fd00::1]:8090"',
      'one of "error", "warn", "info", "debug"',
    ];
    for (const [index, { allowed }] of problems.entries()) expect(allowed).toContain(words[index] ?? "?");
  });

  test("reads as one line a problem, under the file's name", () => {
    const error = new ConfigError("omerta.toml", problemsOf("gateway.lease_minutes = 0\nlog.level = 3"));
    expect(error.message.split("\n")).toEqual([
      "omerta.toml has 2 problems:",
      "  gateway.lease_minutes: 0 is not allowed; allowed: a whole number from 2 to 1440",
      '  log.level: 3 is not allowed; allowed: one of "error", "warn", "info", "debug"',
    ]);
  });

  test("says what is missing where something is", () => {
    expect(problemsOf("[[gateway.services]]\ndescription = 'x'").map(problemLine)).toEqual([
      "gateway.services[0].name: is missing; needed: text of 1 to 40 characters",
      "gateway.services[0].port: is missing; needed: a whole number from 1 to 65535",
    ]);
  });

  test.each([
    ["gatway.bridge = 'x'", "gatway", 'unknown key; did you mean "gateway"?'],
    ["gateway.lease_minute = 5", "gateway.lease_minute", 'unknown key; did you mean "lease_minutes"?'],
    ["gateway.Bridge = 'x'", "gateway.Bridge", 'unknown key; did you mean "bridge"?'],
    ["gateway.uplink.upkbit = 5", "gateway.uplink.upkbit", 'unknown key; did you mean "up_kbit"?'],
    ["portal.color = '#ffffff'", "portal.color", "unknown key; known here: welcome, notices, accent"],
  ])("suggests the nearest known key, or names them all: %s", (toml, key, allowed) => {
    expect(problemsOf(toml)).toEqual([{ key, allowed }]);
  });

  test("names an unknown key inside one entry of a list", () => {
    const toml = "[[gateway.services]]\nname = 'a'\nport = 1\nprotocl = 'tcp'";
    expect(problemsOf(toml)).toEqual([
      { key: "gateway.services[0].protocl", allowed: 'unknown key; did you mean "protocol"?' },
    ]);
  });

  test("of a table where a value belongs says so", () => {
    expect(problemsOf("[log.level]\nx = 1")[0]).toMatchObject({ key: "log.level", value: '{"x":1}' });
  });

  test.each([
    ["gateway.bridge = 'a b'", "at most 15 letters, digits"],
    ["gateway.uplink.interface = 'a b'", "at most 15 letters, digits"],
    ["gateway.name = 'Box'", "a DNS name in lower case"],
    ["portal.accent = 'red'", "#rrggbb"],
    ["gateway.subnet = '1.1.1.0/24'", "10.20.0.0/20"],
    ["management.listen = ['x']", "192.168.7.1:8090"],
    ["[[gateway.services]]\nname='a'\nport=1\npath='x y'", "such as /library/"],
  ])("says what a text must look like, not only what it is for: %s", (toml, words) => {
    expect(problemsOf(toml)[0]?.allowed).toContain(words);
  });

  test("of a value where a table belongs names the keys that it may have", () => {
    const [problem] = problemsOf("box = 5");
    expect(problem).toEqual({ key: "box", value: "5", allowed: "a table with name, operator, contact" });
  });

  test("shows the value as it stands in the file, also nan and infinity", () => {
    expect(problemsOf("gateway.lease_minutes = inf")[0]?.value).toBe("inf");
    expect(problemsOf("gateway.lease_minutes = nan")[0]?.value).toBe("nan");
  });

  test("shows a long value shortened", () => {
    const value = problemsOf(`gateway.bridge = "${"x".repeat(5_000)}"`)[0]?.value ?? "";
    expect(value.length).toBeLessThanOrEqual(80);
    expect(value.endsWith("…")).toBe(true);
  });

  test.each([
    ["[gateway\nbridge = 'x'", /^line 1, column \d+: ./],
    ["\n\n[gateway]\nbridge = \n", /^line 4, column \d+: ./],
    ['[box]\nname = "torn', /^line 2, column \d+: ./],
    ["[box]\nname = 'a'\nname = 'b'", /^line 3, column \d+: ./],
  ])("that is no TOML names line and column: %j", (toml, words) => {
    const problems = problemsOf(toml);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.key).toBe("");
    expect(problems[0]?.allowed).toMatch(words);
  });

  test("that is torn off anywhere is either whole TOML or has a place where it is torn", () => {
    const whole = '[box]\nname = "Harbour"\n[gateway]\nlease_minutes = 20\nsubnet = "10.20.0.0/20"\n';
    for (let length = 0; length <= whole.length; length += 1) {
      try {
        parseConfig(whole.slice(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }
  });

  test("that is larger than 256 KiB is refused unread", () => {
    const [problem] = problemsOf(`# ${"x".repeat(262_144)}`);
    expect(problem).toEqual({ key: "", allowed: "the file is larger than 256 KiB" });
  });
});

describe("good configurations", () => {
  test("may begin with a byte order mark, as editors on Windows write it, and have their line ends", () => {
    expect(parseConfig('\uFEFF[box]\r\nname = "Harbour"\r\n').box.name).toBe("Harbour");
  });

  test("change what they name and leave the rest", () => {
    const config = parseConfig("gateway.uplink.allow = true");
    const expected = defaultConfig();
    expected.gateway.uplink.allow = true;
    expect(config).toEqual(expected);
  });
});

describe("whatever stands in a file", () => {
  const onlyConfigErrors = (toml: string) => {
    try {
      parseConfig(toml);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.problems.length).toBeGreaterThan(0);
      for (const problem of error.problems) expect(problemLine(problem).length).toBeLessThan(4_000);
    }
  };

  test("random text never throws anything but a ConfigError", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), onlyConfigErrors), {
      numRuns: 2_000,
    });
  });

  test("random text of TOML's own signs never throws anything but a ConfigError", () => {
    const sign = fc.constantFrom(
      ..."[]{}=.,\"'\\\n\t #_-+:TZabdefintxou0129",
      "[[",
      '"""',
      "gateway",
      "box",
      "1979-05-27",
    );
    const text = fc.array(sign, { maxLength: 60 }).map((signs) => signs.join(""));
    fc.assert(fc.property(text, onlyConfigErrors), { numRuns: 3_000 });
  });

  test("random values at known and unknown keys never throw anything but a ConfigError", () => {
    const key = fc.constantFrom(
      "box.name",
      "box",
      "portal.notices",
      "portal.accent",
      "gateway.subnet",
      "gateway.services",
      "gateway.interfaces",
      "gateway.limits.connections",
      "gateway.uplink.interface",
      "gateway.tls.host",
      "management.listen",
      "log.level",
      "__proto__",
      "gateway.constructor",
      "gateway.toString.x",
      "gateway.services.x",
    );
    const scalar = fc.oneof(
      fc.constantFrom(
        "true",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        "inf",
        "-nan",
        "0x1F",
        "9223372036854775807",
        "1e400",
      ),
      fc.integer().map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toFixed(3)),
      fc.string({ maxLength: 40 }).map((text) => JSON.stringify(text)),
    );
    const value = fc.oneof(
      scalar,
      fc.array(scalar, { maxLength: 30 }).map((values) => `[${values.join(", ")}]`),
      scalar.map((inner) => `{ name = ${inner}, port = ${inner}, "" = ${inner} }`),
      scalar.map((inner) => `[{ name = ${inner}, x = [${inner}] }]`),
    );
    const lines = fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lines, (pairs) =>
        onlyConfigErrors(pairs.map(([name, text]) => `${name} = ${text}`).join("\n")),
      ),
      { numRuns: 3_000 },
    );
  });

  test("deep nesting is refused, not followed until the stack ends", () => {
    onlyConfigErrors(`x = ${"[".repeat(100_000)}`);
    onlyConfigErrors(`x = ${"{a=".repeat(50_000)}`);
    onlyConfigErrors(`[${"a.".repeat(50_000)}a]`);
  });
});

describe("loading a file for a box that must start", () => {
  test("gives the defaults where there is no file, and no problem", () => {
    const file = join(scratch(), "omerta.toml");
    expect(loadConfig(file)).toEqual({ config: defaultConfig(), problems: [], file: undefined });
    expect(loadConfig(undefined)).toEqual({ config: defaultConfig(), problems: [], file: undefined });
  });

  test("gives what a good file says", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, '[box]\nname = "Harbour"\n');
    const loaded = loadConfig(file);
    expect(loaded.config.box.name).toBe("Harbour");
    expect(loaded).toMatchObject({ problems: [], file });
  });

  test("gives a wrong key its default and leaves the rest as it says, and the file as it is", () => {
    const file = join(scratch(), "omerta.toml");
    const text = '[box]\nname = "Harbour"\nnmae = 1\n[gateway]\nlease_minutes = 0\nconsent_minutes = 60\n';
    writeFileSync(file, text);
    const before = statSync(file).mtimeMs;
    const loaded = loadConfig(file);
    const expected = defaultConfig();
    expected.box.name = "Harbour";
    expected.gateway.consent_minutes = 60;
    expect(loaded.config).toEqual(expected);
    expect(loaded.problems).toEqual([
      { key: "box.nmae", allowed: 'unknown key; did you mean "name"?' },
      { key: "gateway.lease_minutes", value: "0", allowed: "a whole number from 2 to 1440" },
    ]);
    expect(loaded.file).toBe(file);
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(statSync(file).mtimeMs).toBe(before);
  });

  test("leaves a wrong entry of a list out and keeps the others", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(
      file,
      `gateway.interfaces = ["wlan0", "no good", "wlan1", ""]
       [[gateway.services]]
       name = "Library"
       port = 8081
       [[gateway.services]]
       name = "Chat"
       [[gateway.services]]
       name = "Map"
       port = 8082`,
    );
    const { config, problems } = loadConfig(file);
    expect(config.gateway.interfaces).toEqual(["wlan0", "wlan1"]);
    expect(config.gateway.services.map(({ name }) => name)).toEqual(["Library", "Map"]);
    expect(problems.map(({ key }) => key).sort()).toEqual([
      "gateway.interfaces[1]",
      "gateway.interfaces[3]",
      "gateway.services[1].port",
    ]);
  });

  test("always gives a configuration that is whole, whatever the file holds", () => {
    const file = join(scratch(), "omerta.toml");
    const broken = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.constantFrom(
        "box = 5",
        "gateway = [1, 2]",
        "gateway.services = 5",
        "gateway.services = [5, {}, {name = 1}, {name = 'a', port = 8081}]",
        "gateway.limits = 'none'",
        "gateway.uplink.interface = []",
        "management.listen = [['x']]",
        "__proto__.x = 1",
        "constructor = 1",
        "[gateway.__proto__]\ny = 1",
        "portal.notices = ['', '', '', '', '', '', '']",
      ),
    );
    fc.assert(
      fc.property(broken, fc.option(broken, { nil: undefined }), (text, lastGood) => {
        writeFileSync(file, text);
        const { config } = loadConfig(file, lastGood);
        expect(configSchema.parse(config)).toEqual(config);
      }),
      { numRuns: 300 },
    );
  });

  test("gives the defaults where a folder stands in the file's place", () => {
    const file = join(scratch(), "omerta.toml");
    mkdirSync(file);
    const { config, problems } = loadConfig(file);
    expect(config).toEqual(defaultConfig());
    expect(problems[0]?.allowed).toStartWith("cannot be read: ");
  });

  test("gives the defaults for a file of random bytes and for one of zeros", () => {
    const file = join(scratch(), "omerta.toml");
    const random = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 131) % 256));
    for (const bytes of [Buffer.alloc(4096), random]) {
      writeFileSync(file, bytes);
      const { config, problems } = loadConfig(file);
      expect(config).toEqual(defaultConfig());
      expect(problems).not.toEqual([]);
    }
  });

  test("gives the defaults for a file that is far too large", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, "#".repeat(1_000_000));
    const { config, problems } = loadConfig(file);
    expect(config).toEqual(defaultConfig());
    expect(problems[0]).toEqual({ key: "", allowed: "the file is larger than 256 KiB" });
  });
});

describe("the last good file", () => {
  const GOOD = '[box]\nname = "Harbour"\n';
  const TORN = '[box]\nname = "Harb';

  test("is what a good file was", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, GOOD);
    expect(loadConfig(file).good).toBe(GOOD);
    writeFileSync(file, `${GOOD}nmae = 1\n`);
    expect(loadConfig(file, GOOD).good).toBeUndefined();
  });

  test("takes the place of one that is no TOML any more, and that is said", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, TORN);
    const { config, problems } = loadConfig(file, GOOD);
    expect(config.box.name).toBe("Harbour");
    expect(problems[0]?.allowed).toStartWith("line 2, column ");
    expect(problems.at(-1)?.allowed).toContain("last good configuration");
  });

  test("does not hold against what a readable file says", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, "[gateway]\nlease_minutes = 20\nbroken = 1\n");
    expect(loadConfig(file, GOOD).config.box.name).toBe(defaultConfig().box.name);
  });

  test("that is no good itself gives the defaults, not an end of the box", () => {
    const file = join(scratch(), "omerta.toml");
    writeFileSync(file, TORN);
    for (const lastGood of [TORN, "\0\0\0", "x".repeat(300_000), ""]) {
      expect(loadConfig(file, lastGood).config).toEqual(defaultConfig());
    }
  });
});

test("a password that will not do is not shown where its fault is told", () => {
  expect(() => parseConfig('[[wifi.uplinks]]\nssid = "Library"\npassword = "secret"\n')).toThrow(
    "wifi.uplinks[0].password: this one is not allowed; allowed: 8 to 63 letters",
  );
});
