import { describe, expect, test } from "bun:test";
import { DomainPlanError } from "../../../../src/vm/domain/domain-plan.ts";
import { domainXml } from "../../../../src/vm/domain/domain-xml.ts";
import { identityOf, renamedDomain } from "../../../../src/vm/domain/renamed-domain.ts";
import { PLAN } from "./plans.ts";

const OTHER = {
  ...PLAN,
  name: "omvm-fedcba9876",
  uuid: "fedcba98-7654-3210-fedc-ba9876543210",
  tap: "omtfedcba9876",
  disk: "/run/vm/a & b/overlay.qcow2",
  agentSocket: "/run/vm/<fedcba9876>/agent",
  consoleSocket: "/run/vm/fedcba9876/it's",
};

describe("a saved machine as another one", () => {
  test("is the domain that would have been made for the other, and back", () => {
    const xml = domainXml(PLAN);
    const renamed = renamedDomain(xml, identityOf(PLAN), identityOf(OTHER));
    expect(renamed).toBe(domainXml(OTHER));
    expect(renamedDomain(renamed, identityOf(OTHER), identityOf(PLAN))).toBe(xml);
  });

  test("is found in libvirt's way of writing too", () => {
    const xml = domainXml(PLAN)
      .replaceAll(/"([^"]*)"/g, "'$1'")
      // libvirt shows a serial line that is the console a second time.
      .replace(/(<serial[\s\S]*<\/serial>)/, (whole) => `${whole}${whole.replaceAll("serial", "console")}`);
    const renamed = renamedDomain(xml, identityOf(PLAN), identityOf(OTHER));
    expect(renamed).not.toContain("0123456789/");
    expect(renamed.match(/fedcba9876\/it&apos;s/g)).toHaveLength(2);
  });

  test("must have the same devices", () => {
    expect(() =>
      renamedDomain(domainXml(PLAN), identityOf(PLAN), identityOf({ ...OTHER, disk: undefined })),
    ).toThrow(DomainPlanError);
  });

  test("must be the one that it is said to be", () => {
    expect(() => renamedDomain(domainXml(OTHER), identityOf(PLAN), identityOf(OTHER))).toThrow(/^name: /);
  });
});
