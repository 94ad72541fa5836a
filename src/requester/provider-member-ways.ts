import type { Logger } from "../host/log.ts";
import { LeaseAnswerError } from "./lease-answers.ts";
import { LeaseHttp, LeaseHttpError } from "./lease-http.ts";
import { LeaseOverMesh } from "./lease-over-mesh.ts";
import { LeaseSealed } from "./lease-sealed.ts";
import type { LeaseTransport } from "./lease-transport.ts";
import { chooseProviders, type ProviderNeed } from "./provider-choice.ts";
import { type MeshProvider, meant, meshProviders } from "./provider-mesh.ts";
import { parseProviderName, providerName } from "./provider-names.ts";
import { type ChosenProvider, ProviderError, type ProviderWays } from "./provider-ways.ts";
import type { RequesterNetworks } from "./requester-networks.ts";

export interface MemberWaysOptions {
  /** Those that the requester belongs to by itself. */
  networks: () => Pick<RequesterNetworks, "list" | "passport">;
  /** Of the mesh of this machine's box, which may run or not. */
  meshSocket: string;
  randomBytes: (count: number) => Uint8Array;
  log: Logger;
}

/** The box of one's own may be in many. */
const MOST_IN_TURN = 8;

/**
 * All ways to boxes that lend: by the mesh of this machine's box, which knows others by name and what they have; by HTTP to an
 * address, as a member where the box is in a network of the requester's, else as a stranger.
 */
export function memberWays(options: MemberWaysOptions): ProviderWays {
  const { networks, meshSocket, randomBytes, log } = options;
  const http = (address: string): LeaseHttp => {
    try {
      return new LeaseHttp(address, log);
    } catch (error) {
      throw error instanceof LeaseHttpError ? new ProviderError(error.message) : error;
    }
  };
  const sealed = (network: string, address: string): LeaseSealed => {
    const passport = networks().passport(network);
    if (!passport) throw new ProviderError(`you are in no network ${network} any more`);
    return new LeaseSealed({ base: http(address).base, passport, randomBytes, log });
  };
  const byAddress = async (address: string): Promise<ChosenProvider> => {
    // Before anybody is asked: what is no address is said.
    http(address);
    for (const { id, problem } of networks().list()) {
      if (problem !== undefined) continue;
      const key = await boxAt(sealed(id, address), address);
      if (key !== undefined)
        return {
          key,
          name: providerName({ by: "member", network: id, address }),
          network: id,
          title: address,
        };
    }
    return { name: address };
  };
  return {
    async choose(named, wish) {
      const known = await meshProviders(meshSocket);
      if (named === undefined) return inTurn(known, wish.resources);
      // Else a member could call its box by somebody else's address, and be asked in their place.
      const isAddress = /[.:]/.test(named);
      const [only, ...others] = isAddress ? [] : meant(known ?? [], named);
      if (only === undefined) return [await byAddress(named)];
      if (others.length === 0) return [chosen(only)];
      const all = [only, ...others].map(({ title, words }) => `${title} (${words})`);
      throw new ProviderError(`several boxes are called ${named}: ${all.join(", ")}; say the words of one`);
    },
    transportTo(name): LeaseTransport {
      const way = parseProviderName(name);
      if (way.by === "stranger") return http(way.address);
      if (way.by === "member") return sealed(way.network, way.address);
      const { network, peer } = way;
      return new LeaseOverMesh({
        ...{ network, peer, log },
        socket: meshSocket,
        passport: networks().passport(network),
      });
    },
  };
}

const chosen = ({ name, key, network, title }: MeshProvider): ChosenProvider => ({
  ...{ name, key, network, title },
});

/** @throws {ProviderError} where there is none, saying of each why */
function inTurn(
  known: readonly MeshProvider[] | undefined,
  need: ProviderNeed,
): readonly [ChosenProvider, ...ChosenProvider[]] {
  if (known === undefined)
    throw new ProviderError(
      "no box is named, and none runs on this machine that could look for one: say which one, by its address",
    );
  const { inTurn: all, leftOut } = chooseProviders(need, known);
  const [first, ...others] = all.slice(0, MOST_IN_TURN).map(({ provider }) => chosen(provider));
  if (first) return [first, ...others];
  const why = leftOut.map((one) => `${one.provider.title}: ${one.why}`).join("; ");
  throw new ProviderError(`no box is known that could lend it${why === "" ? "" : ` (${why})`}`);
}

/**
 * Which box of the network it is, if any.
 * @throws {ProviderError} when nobody answers; what is no answer is one of a box that knows nothing of members
 */
async function boxAt(way: LeaseSealed, address: string): Promise<string | undefined> {
  try {
    return await way.box();
  } catch (error) {
    if (error instanceof LeaseAnswerError) return undefined;
    throw new ProviderError(`${address} does not answer: ${error instanceof Error ? error.message : error}`);
  }
}
