import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { SETUP_KEYS, setupFields } from "../../../image-build/setup-page/fields.ts";
import { SETUP_LANGUAGES } from "../../../image-build/setup-page/locales.ts";
import { makeSetupPage, SETUP_PAGE } from "../../../image-build/setup-page/make-page.ts";
import { faultsOf, type SetupValues, tomlOf } from "../../../portal/setup/toml-text.ts";
import { parseConfig } from "../../../src/config/index.ts";

const FIELDS = setupFields();
const toml = (values: SetupValues) => tomlOf(FIELDS, values);

describe("the page on the card", () => {
  test("is the one that is committed (bun image-build/setup-page/make-page.ts)", async () => {
    expect(await makeSetupPage()).toBe(readFileSync(SETUP_PAGE, "utf8"));
  });

  test("asks for nothing outside of itself, and is no larger than a photo", () => {
    const html = readFileSync(SETUP_PAGE, "utf8");
    expect(html).not.toMatch(/(?:src|href|action)=|url\(|https?:|@import/);
    expect(html.length).toBeLessThan(60_000);
  });

  test("has a script that browsers of before 2015 read", () => {
    const script = /<script>(.*)<\/script>/s.exec(readFileSync(SETUP_PAGE, "utf8"))?.[1] ?? "";
    expect(script.length).toBeGreaterThan(1_000);
    expect(script).not.toMatch(/=>|`|\b(?:let|const|class|async)\b|\.\.\.|\?\.|\?\?/);
  });

  test("has all its words in each of its languages, which are the portal's", () => {
    expect(SETUP_LANGUAGES.map(({ code }) => code)).toEqual(["en", "ar", "es", "uk", "fr", "pt"]);
    const [english] = SETUP_LANGUAGES;
    for (const { texts } of SETUP_LANGUAGES) {
      expect(Object.keys(texts)).toEqual(Object.keys(english?.texts ?? {}));
      for (const text of Object.values(texts)) expect(text.trim()).not.toBe("");
    }
  });

  test("takes its limits from the configuration's schema", () => {
    const limits = new Map(FIELDS.map((field) => [field.key, field]));
    expect(limits.get("box.name")?.maxLength).toBe(60);
    expect(limits.get("lora.region")?.choices).toContain("EU868");
    expect(limits.get("wifi.country")?.pattern).toBe("^([A-Z]{2})?$");
    expect(FIELDS.map(({ key }) => key)).toEqual([...SETUP_KEYS]);
  });
});

describe("the file that the page writes", () => {
  test("says what was filled in, and nothing else", () => {
    expect(toml({})).toBe("");
    expect(
      toml({
        "box.name": 'Räuber "Höhle"',
        "box.operator": "",
        "wifi.country": "DE",
        "wifi.uplinks[].ssid": "Library",
        "wifi.uplinks[].password": "eight or more",
        "gateway.uplink.allow": true,
        "lora.region": "EU868",
        "mesh.invites[]": "omerta://invite/abc",
      }),
    ).toBe(
      [
        '[box]\nname = "Räuber \\"Höhle\\""\n',
        '[wifi]\ncountry = "DE"\n',
        "[gateway.uplink]\nallow = true\n",
        '[lora]\nregion = "EU868"\n',
        '[mesh]\ninvites = ["omerta://invite/abc"]\n',
        '[[wifi.uplinks]]\nssid = "Library"\npassword = "eight or more"\n',
      ]
        .join("\n")
        .replaceAll("\n", "\r\n"),
    );
  });

  test("is taken by the box whatever was filled in, as long as the page finds no fault", () => {
    const any = fc.oneof(
      fc.string({ unit: "binary", maxLength: 70 }),
      fc.string({
        unit: fc.constantFrom("\ud800", "\udfff", "a", '"', "\\", "\u007f", "\n", "水", "🏠"),
        maxLength: 40,
      }),
    );
    const values = fc.record({
      "box.name": any,
      "box.operator": any,
      "box.contact": any,
      "wifi.country": fc.oneof(fc.constantFrom("", "DE", "US"), any),
      "portal.welcome": any,
      "wifi.uplinks[].ssid": any,
      "wifi.uplinks[].password": fc.oneof(fc.string({ minLength: 8, maxLength: 63 }), any),
      "gateway.uplink.allow": fc.boolean(),
      "lora.region": fc.constantFrom("", "EU868", "US915"),
      "mesh.invites[]": fc.oneof(
        fc.constant(""),
        fc.string().map((rest) => `omerta://invite/${rest}`),
        any,
      ),
    });
    let taken = 0;
    fc.assert(
      fc.property(values, (filled) => {
        if (Object.keys(faultsOf(FIELDS, filled)).length > 0) return;
        taken += 1;
        const config = parseConfig(toml(filled));
        if (filled["box.name"] !== "" && filled["box.name"].isWellFormed())
          expect(config.box.name).toBe(filled["box.name"]);
        expect(config.gateway.uplink.allow).toBe(filled["gateway.uplink.allow"]);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  test("is not written while something is wrong, and the page says what", () => {
    expect(
      faultsOf(FIELDS, {
        "box.name": "x".repeat(61),
        "wifi.country": "de",
        "wifi.uplinks[].ssid": "水".repeat(11),
        "wifi.uplinks[].password": "short",
        "mesh.invites[]": "https://example.org",
      }),
    ).toEqual({
      "box.name": "tooLong",
      "wifi.country": "wrong",
      "wifi.uplinks[].ssid": "tooLong",
      "wifi.uplinks[].password": "password",
      "mesh.invites[]": "wrong",
    });
    expect(faultsOf(FIELDS, { "wifi.uplinks[].password": "eight or more" })).toEqual({
      "wifi.uplinks[].ssid": "wrong",
    });
  });
});
