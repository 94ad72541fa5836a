import { quietSpan, type VmConfig } from "../../config/index.ts";
import type { Policy, PolicyRule } from "./policy.ts";

/** Above all that a configuration may give to others. */
const LOCAL_PRIORITY = 100;

/** The policy that `[vm]` of the configuration means. Whether anything is lent at all (`vm.enabled`) is not asked here. */
export function policyOf(config: VmConfig): Policy {
  const { limits, demo, priorities } = config;
  return {
    accept: config.accept,
    rules: config.rules.map(ruleOf),
    blocked: config.blocked,
    priorities: { local: LOCAL_PRIORITY, member: priorities.members, stranger: priorities.strangers },
    limits: {
      ...sizesOf(limits),
      upKbit: limits.up_kbit || undefined,
      downKbit: limits.down_kbit || undefined,
      connectionsPerS: limits.connections_per_second,
    },
    counts: {
      atOnce: config.leases,
      perRequester: config.leases_per_requester,
      perSource: config.leases_per_source,
      waiting: config.waiting,
    },
    quietHours: quietSpan(config.quiet_hours),
    activity: { minChars: config.description_chars, refused: config.refuse_words },
    operatorsInspect: config.operators_inspect,
    demo: demo.enabled ? sizesOf(demo) : undefined,
  };
}

const sizesOf = (of: Pick<VmConfig["limits"], "cpus" | "memory_mib" | "disk_mib" | "minutes">) => ({
  cpus: of.cpus,
  memoryMiB: of.memory_mib,
  diskMiB: of.disk_mib,
  durationS: of.minutes * 60,
});

/** In a file "" and 0 say that a key names nothing. */
function ruleOf(rule: VmConfig["rules"][number]): PolicyRule {
  return {
    requester: rule.requester || undefined,
    network: rule.network || undefined,
    source: rule.source || undefined,
    reputation: { least: rule.reputation_from, most: rule.reputation_to },
    verdict: rule.verdict,
    priority: rule.priority || undefined,
  };
}
