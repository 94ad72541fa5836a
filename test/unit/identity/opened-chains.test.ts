import { expect, test } from "bun:test";
import { encodeChain } from "../../../src/identity/certificate.ts";
import { OpenedChains } from "../../../src/identity/opened-chains.ts";
import { founderChain, network } from "./fixed-network.ts";

test("a chain whose signatures were checked once is taken as it was opened then, and another one is not", () => {
  const opened = new OpenedChains(network.publicKey);
  const bytes = encodeChain(founderChain);
  const chain = opened.open(bytes);
  expect(chain).toEqual(founderChain);
  expect(opened.open(bytes.slice())).toBe(chain);
  const forged = bytes.slice();
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  for (let time = 0; time < 2; time += 1) expect(() => opened.open(forged)).toThrow(/signature/);
});

test("what the caller does with its bytes afterwards changes nothing", () => {
  const opened = new OpenedChains(network.publicKey);
  const bytes = encodeChain(founderChain);
  const chain = opened.open(bytes);
  const kept = bytes.slice();
  bytes.fill(0);
  expect(opened.open(kept)).toBe(chain);
  expect(chain).toEqual(founderChain);
});
