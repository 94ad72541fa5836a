import { checkDomainPlan, type DomainPlan, DomainPlanError } from "./domain-plan.ts";
import { escapeXml, unescapeXml } from "./xml.ts";

/** What differs between two machines that were made from the same saved one. */
export type DomainIdentity = Pick<
  DomainPlan,
  "name" | "uuid" | "tap" | "agentSocket" | "consoleSocket" | "disk"
>;

/**
 * The domain of a saved machine as another one: everything else stays, since the saved state fits no other devices.
 * @param xml as libvirt wrote it into the file, for a domain of `domainXml`
 * @param from what the saved machine was called
 * @throws {DomainPlanError} when something of `from` is not in it exactly once, or `to` has other devices
 */
export function renamedDomain(xml: string, from: DomainIdentity, to: DomainIdentity): string {
  let renamed = xml;
  const changes = [
    ["name", /(<name>)([^<]*)(<\/name>)/g],
    ["uuid", /(<uuid>)([^<]*)(<\/uuid>)/g],
    ["tap", /(<target dev=['"])([^'"]*)(['"] managed=['"]no['"]\/>)/g],
    ["disk", /(<source file=['"])([^'"]*)(['"])/g],
    ["agentSocket", /(<source mode=['"]bind['"] path=['"])([^'"]*)(['"])/g],
    ["consoleSocket", /(<source mode=['"]bind['"] path=['"])([^'"]*)(['"])/g],
  ] as const;
  for (const [field, pattern] of changes) {
    const [old, wanted] = [from[field], to[field]];
    if ((old === undefined) !== (wanted === undefined))
      throw new DomainPlanError(
        field,
        "the saved machine has it and the other one not, or the other way round",
      );
    if (old === undefined || wanted === undefined) continue;
    let count = 0;
    renamed = renamed.replace(pattern, (whole, before: string, value: string, after: string) => {
      if (unescapeXml(value) !== old) return whole;
      count += 1;
      return `${before}${escapeXml(wanted)}${after}`;
    });
    // A serial console stands there twice: as <serial> and, the same one, as <console>.
    const expected = field === "consoleSocket" ? [1, 2] : [1];
    if (!expected.includes(count)) throw new DomainPlanError(field, `${old} is there ${count} times`);
  }
  return renamed;
}

/** The identity of a plan that has been checked. */
export function identityOf(plan: DomainPlan): DomainIdentity {
  checkDomainPlan(plan);
  const { name, uuid, tap, agentSocket, consoleSocket, disk } = plan;
  return { name, uuid, tap, agentSocket, consoleSocket, disk };
}
