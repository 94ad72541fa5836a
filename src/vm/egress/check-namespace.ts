import { GUEST_LINK } from "../guest-link.ts";
import { rulesetDifferences } from "./check-ruleset.ts";
import type { EgressPlan } from "./egress-plan.ts";
import type { SeenLink, SeenNamespace, SeenRoute } from "./seen-namespace.ts";

/** Something that is not as planned: what, and how it is instead. */
export interface Difference {
  thing: string;
  why: string;
}

/** A kernel with these modules puts one of each into every namespace; they can't be removed, and are down. */
const KERNELS_OWN = new Set(["ipip", "gre", "gretap", "erspan", "sit", "ip6tnl", "ip6gre", "vti", "vti6"]);

/** Parameters whose values are read back. */
export const checkedParameters = ({ names, parameters }: EgressPlan): string[] => [
  ...parameters.map(([name]) => name),
  ...[names.tap, names.tunnel].map((device) => `net/ipv6/conf/${device}/disable_ipv6`),
];

/**
 * Compares a namespace with its plan: all that is to be there is, and nothing else.
 * @param attached whether the TAP is to be in it
 */
export function namespaceDifferences(plan: EgressPlan, seen: SeenNamespace, attached: boolean): Difference[] {
  return [
    ...linkDifferences(plan, seen, attached),
    ...routeDifferences(plan, seen, attached),
    ...parameterDifferences(plan, seen),
    ...queueDifferences(plan, seen, attached),
    ...ingressDifferences(plan, seen, attached),
    ...rulesetDifferences([...plan.passage, ...(attached ? plan.guard : [])], seen.ruleset),
  ];
}

function linkDifferences(
  { names }: EgressPlan,
  { links, neighbours }: SeenNamespace,
  attached: boolean,
): Difference[] {
  const differences: Difference[] = [];
  const find = (name: string) => links.find(({ ifname }) => ifname === name);
  const differs = (link: string, why: string) => differences.push({ thing: `link ${link}`, why });
  const wanted = [names.tunnel, ...(attached ? [names.tap] : [])];
  for (const name of wanted) {
    const link = find(name);
    if (!link) differs(name, "is not there");
    else if (!link.flags.includes("UP")) differs(name, "is down");
    else if (link.mtu !== GUEST_LINK.mtu) differs(name, `has an MTU of ${link.mtu}`);
  }
  for (const link of links) {
    const isWanted = wanted.includes(link.ifname);
    const isIdle = !link.flags.includes("UP") && link.addr_info.length === 0;
    const isKernels = link.ifname === "lo" || KERNELS_OWN.has(link.linkinfo?.info_kind ?? "");
    if (!isWanted && !(isKernels && isIdle)) differs(link.ifname, "is not planned");
  }
  const tap = find(names.tap);
  if (attached && tap && tap.address !== GUEST_LINK.gatewayMacAddress)
    differs(names.tap, `has the MAC address ${tap.address}`);
  const addresses = links.flatMap((link) => addressesOf(link));
  const wantedAddresses = attached
    ? [`${GUEST_LINK.gatewayAddress}/${GUEST_LINK.prefixLength} ${names.tap}`]
    : [];
  differences.push(...setDifferences("address", wantedAddresses, addresses));
  const guest = neighbours.map(({ dst, dev, lladdr }) => `${dst} ${dev} ${lladdr}`);
  const wantedNeighbours = attached
    ? [`${GUEST_LINK.guestAddress} ${names.tap} ${GUEST_LINK.guestMacAddress}`]
    : [];
  return [...differences, ...setDifferences("neighbour", wantedNeighbours, guest)];
}

const addressesOf = ({ ifname, addr_info }: SeenLink): string[] =>
  addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen} ${ifname}`);

function routeDifferences(
  { names }: EgressPlan,
  { routes, rules }: SeenNamespace,
  attached: boolean,
): Difference[] {
  const { tap, tunnel } = names;
  const wanted = [
    `default ${tunnel}`,
    ...(attached
      ? [
          `10.0.2.0/${GUEST_LINK.prefixLength} ${tap}`,
          `local ${GUEST_LINK.gatewayAddress} ${tap}`,
          `broadcast 10.0.2.255 ${tap}`,
        ]
      : []),
  ];
  const text = ({ type, dst, dev, gateway }: SeenRoute) =>
    `${type === undefined || type === "unicast" ? "" : `${type} `}${dst} ${gateway === undefined ? "" : `via ${gateway} `}${dev}`;
  const tables = rules.map(({ table }) => table);
  return [
    ...setDifferences("route", wanted, routes.map(text)),
    ...setDifferences("routing rule", ["local", "main", "default"], tables),
  ];
}

function parameterDifferences({ parameters, names }: EgressPlan, seen: SeenNamespace): Difference[] {
  const has6 = seen.parameters.has("net/ipv6/conf/all/disable_ipv6");
  const devices = [names.tap, names.tunnel]
    .map((device) => `net/ipv6/conf/${device}/disable_ipv6`)
    .filter((name) => seen.parameters.has(name));
  const wanted = [
    ...parameters.filter(([name]) => has6 || !name.startsWith("net/ipv6/")),
    ...devices.map((name) => [name, "1"] as const),
  ];
  return wanted.flatMap(([name, value]) => {
    const is = seen.parameters.get(name);
    return is === value ? [] : [{ thing: `parameter ${name}`, why: `is ${is}, not ${value}` }];
  });
}

function queueDifferences(plan: EgressPlan, { queues }: SeenNamespace, attached: boolean): Difference[] {
  const shaped = [
    ...(plan.tunnelShaping.length > 0 ? [plan.names.tunnel] : []),
    ...(attached && plan.tapShaping.length > 0 ? [plan.names.tap] : []),
  ];
  return shaped
    .filter((device) => !queues.some(({ dev, kind }) => dev === device && kind === "tbf"))
    .map((device) => ({ thing: `queue ${device}`, why: "does not hold it to its rate" }));
}

function ingressDifferences(
  { names }: EgressPlan,
  { ingress }: SeenNamespace,
  attached: boolean,
): Difference[] {
  const hooks = ingress.split("\n").filter((line) => line.includes(" hook "));
  const isOnTap = hooks.length === 1 && hooks[0]?.includes(`hook ingress device "${names.tap}" `);
  return !attached || isOnTap ? [] : [{ thing: "rules", why: `no filter is on ${names.tap}` }];
}

function setDifferences(thing: string, wanted: readonly string[], seen: readonly string[]): Difference[] {
  return [
    ...wanted
      .filter((one) => !seen.includes(one))
      .map((one) => ({ thing: `${thing} ${one}`, why: "is not there" })),
    ...seen
      .filter((one) => !wanted.includes(one))
      .map((one) => ({ thing: `${thing} ${one}`, why: "is not planned" })),
  ];
}
