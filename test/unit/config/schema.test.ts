import { describe, expect, test } from "bun:test";
import { ConfigError, defaultConfig, parseConfig } from "../../../src/config/index.ts";
import { configSchema } from "../../../src/config/schema.ts";

/** Whether one line of TOML is accepted. */
function accepts(toml: string): boolean {
  try {
    parseConfig(toml);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return false;
  }
}

describe("the defaults", () => {
  test("parse to themselves", () => {
    expect(configSchema.parse(defaultConfig())).toEqual(defaultConfig());
  });

  test("are what an empty file means", () => {
    expect(parseConfig("")).toEqual(defaultConfig());
  });

  test("are what a file of empty tables means", () => {
    const tables = ["box", "portal", "gateway", "gateway.limits", "gateway.online", "management", "log"];
    expect(parseConfig(tables.map((name) => `[${name}]`).join("\n"))).toEqual(defaultConfig());
  });

  test("are made anew each time, so that nobody changes another's", () => {
    const first = defaultConfig();
    first.gateway.interfaces.push("wlan0");
    first.gateway.uplink.allow = true;
    expect(defaultConfig().gateway.interfaces).toEqual([]);
    expect(defaultConfig().gateway.uplink.allow).toBe(false);
  });

  test("keep guests from each other, from the uplink and from private networks", () => {
    const { guest_to_guest, uplink } = defaultConfig().gateway;
    expect({ guest_to_guest, allow: uplink.allow, block_private: uplink.block_private }).toEqual({
      guest_to_guest: false,
      allow: false,
      block_private: true,
    });
  });

  test("show the operator's page to this machine alone", () => {
    expect(defaultConfig().management.listen).toEqual(["127.0.0.1:8090"]);
  });
});

describe("a guest subnet", () => {
  test.each(["auto", "10.20.0.0/20", "192.168.4.0/24", "172.16.0.0/16", "10.0.0.64/26"])(
    "may be %s",
    (value) => {
      expect(accepts(`gateway.subnet = "${value}"`)).toBe(true);
    },
  );

  test.each([
    ["public", "203.0.113.0/24"],
    ["the documentation network of the spoofed answer", "198.51.100.0/24"],
    ["with bits set behind its prefix", "10.20.0.1/20"],
    ["larger than /16", "10.0.0.0/15"],
    ["smaller than /26", "10.0.0.0/27"],
    ["just outside 172.16/12", "172.32.0.0/16"],
    ["without a prefix", "10.0.0.0"],
    ["IPv6", "fd00::/64"],
    ["empty", ""],
    ["with a leading zero in its prefix", "10.0.0.0/020"],
    ["with a second slash", "10.0.0.0/20/20"],
  ])("may not be %s: %s", (_, value) => {
    expect(accepts(`gateway.subnet = "${value}"`)).toBe(false);
  });
});

describe("an interface's name", () => {
  test.each(["wlan0", "br-guest", "enp1s0f0", "eth0.10", "a23456789012345"])("may be %s", (name) => {
    expect(accepts(`gateway.bridge = "${name}"`)).toBe(true);
  });

  test.each(["", "a234567890123456", "with space", "../up", "-x", "eth0;reboot", "ethernet\\n"])(
    "may not be %j",
    (name) => {
      expect(accepts(`gateway.bridge = "${name}"`)).toBe(false);
    },
  );
});

describe("a listening address", () => {
  test.each(["192.168.7.1:8090", "[fd00::1]:8090", "0.0.0.0:1"])("may be %s", (text) => {
    expect(accepts(`management.listen = ["${text}"]`)).toBe(true);
  });

  test.each(["8090", "localhost:8090", "192.168.7.1", "192.168.7.1:65536", "fd00::1:8090", "[fd00::1]"])(
    "may not be %s",
    (text) => {
      expect(accepts(`management.listen = ["${text}"]`)).toBe(false);
    },
  );

  test.each(["999.1.1.1:8090", "[::::]:8090", "1.2.3.4:0"])(
    "may not be %s, which nothing can listen on",
    (text) => {
      expect(accepts(`management.listen = ["${text}"]`)).toBe(false);
    },
  );
});

describe("a service's path", () => {
  const service = (path: string) => `[[gateway.services]]\nname = "Library"\nport = 8081\npath = "${path}"`;

  test.each(["/", "/library/", "/a-b_c.d~e"])("may be %s", (path) => {
    expect(accepts(service(path))).toBe(true);
  });

  test.each(["library", "/a b", "/?x=1", "/#x", "/<script>", "javascript:alert(1)", ""])(
    "may not be %j",
    (path) => {
      expect(accepts(service(path))).toBe(false);
    },
  );
});

test("an accent is a colour of six hexadecimal digits and nothing that could leave the style", () => {
  expect(accepts('portal.accent = "#aB12ef"')).toBe(true);
  for (const bad of ["red", "#abc", "#12345", "#1234567", "#00000g", "#000000;}</style>"]) {
    expect(accepts(`portal.accent = "${bad}"`)).toBe(false);
  }
});

test("a portal's name is a DNS name in lower case with a dot", () => {
  expect(accepts('gateway.name = "box.example"')).toBe(true);
  for (const bad of ["omerta", "Box.example", "box..example", "-box.example", "box.example.", "10.0.0.1"]) {
    expect(accepts(`gateway.name = "${bad}"`)).toBe(false);
  }
});

test("numbers are accepted to their very ends and not beyond", () => {
  const ends = [
    ["gateway.lease_minutes", 2, 1440],
    ["gateway.consent_minutes", 1, 43_200],
    ["gateway.guest_rate_kbit", 0, 10_000_000],
    ["gateway.uplink.up_kbit", 0, 10_000_000],
    ["gateway.limits.connections", 4, 65_535],
    ["gateway.limits.guest_connections", 16, 65_535],
    ["gateway.limits.newcomers_per_second", 1, 1000],
    ["log.journal_entries", 1000, 10_000_000],
  ] as const;
  for (const [key, least, most] of ends) {
    expect([key, accepts(`${key} = ${least}`), accepts(`${key} = ${most}`)]).toEqual([key, true, true]);
    expect([key, accepts(`${key} = ${least - 1}`), accepts(`${key} = ${most + 1}`)]).toEqual([
      key,
      false,
      false,
    ]);
    expect([key, accepts(`${key} = ${least}.5`)]).toEqual([key, false]);
  }
});

describe("settings that must fit each other", () => {
  /** The keys that are named as wrong. */
  const wrong = (toml: string) => {
    const found = configSchema.safeParse(Bun.TOML.parse(toml));
    return found.success ? [] : found.error.issues.map(({ path }) => path.join("."));
  };
  const service = (port: number) => `[[gateway.services]]\nname = "Library"\nport = ${port}`;

  test("the uplink is no interface of the guest network", () => {
    const interfaces = 'gateway.interfaces = ["wlan0"]\n';
    expect(wrong(`${interfaces}gateway.uplink.interface = "eth0"`)).toEqual([]);
    expect(wrong(`${interfaces}gateway.uplink.interface = ""`)).toEqual([]);
    expect(wrong(`${interfaces}gateway.uplink.interface = "wlan0"`)).toEqual(["gateway.uplink.interface"]);
    expect(wrong('gateway.uplink.interface = "br-guest"')).toEqual(["gateway.uplink.interface"]);
  });

  test("the bridge is none of its own ports", () => {
    expect(wrong('gateway.bridge = "wlan0"\ngateway.interfaces = ["wlan0"]')).toEqual(["gateway.bridge"]);
  });

  test("the ports of other boxes' services are nobody else's", () => {
    for (const port of [24_600, 24_699]) {
      expect(wrong(service(port))).toEqual(["gateway.services.0.port"]);
      expect(wrong(`management.listen = ["192.168.7.1:${port}"]`)).toEqual(["management.listen.0"]);
    }
    expect(wrong(service(24_700))).toEqual([]);
  });

  test("a service has another port than the operator's page", () => {
    const listen = 'management.listen = ["192.168.7.1:9000", "[fd00::1]:9001"]\n';
    expect(wrong(listen + service(9_002))).toEqual([]);
    for (const port of [9_000, 9_001]) {
      expect(wrong(listen + service(port))).toEqual(["gateway.services.0.port"]);
    }
  });

  test("what the operator puts on the first page fits into one round trip, counted in bytes", () => {
    const page = (notice: string) =>
      `box.name = "x"\nportal.welcome = "${notice}"\nportal.notices = [${Array(5).fill(`"${notice}"`).join(",")}]`;
    expect(wrong(page("x".repeat(400)))).toEqual([]);
    // 400 letters of Devanagari are 1,200 bytes.
    expect(wrong(page("न".repeat(400)))).toEqual(["portal.notices"]);
  });

  test("those texts may have 5,000 bytes together and not one more", () => {
    const bytes = (notice: number) =>
      `box.name = "x"\nportal.welcome = "${"न".repeat(600)}"\nportal.notices = ["${"न".repeat(400)}", "${"न".repeat(400)}", "${"न".repeat(200)}", "${"x".repeat(notice)}"]`;
    expect(wrong(bytes(198))).toEqual([]);
    expect(wrong(bytes(199))).toEqual(["portal.notices"]);
  });

  test("a welcome that is too long beside other texts is what is named where there are no notices", () => {
    const services = Array.from({ length: 20 }, (_, index) =>
      service(9_100 + index).replace("Library", "न".repeat(40)),
    );
    const all = (name: string) =>
      `box.name = "${name}"
box.operator = "${"न".repeat(120)}"
box.contact = "${"न".repeat(120)}"
portal.welcome = "${"न".repeat(600)}"
${services.join("\n")}`;
    expect(wrong(all("x"))).toEqual([]);
    expect(wrong(all("न".repeat(60)))).toEqual(["portal.welcome"]);
  });
});
