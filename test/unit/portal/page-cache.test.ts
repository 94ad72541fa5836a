import { expect, test } from "bun:test";
import { PageCache } from "../../../src/portal/page-cache.ts";

const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const page = (renders: string[], name: string) => (token: string) => {
  renders.push(name);
  return `<${name}>${token}</${name}>`;
};

test("a page is rendered once and given to every guest with its own token", () => {
  const renders: string[] = [];
  const cache = new PageCache();
  expect(text(cache.page("a", 1, "T1", page(renders, "a")))).toBe("<a>T1</a>");
  expect(text(cache.page("a", 1, "T2", page(renders, "a")))).toBe("<a>T2</a>");
  expect(text(cache.page("b", 1, "T2", page(renders, "b")))).toBe("<b>T2</b>");
  expect(renders).toEqual(["a", "b"]);
});

test("every page is rendered anew when the state of the box has changed", () => {
  const renders: string[] = [];
  const cache = new PageCache();
  for (const version of [1, 2, 2, 1]) cache.page("a", version, "", page(renders, "a"));
  expect(renders).toHaveLength(3);
});

test("a page without a token is kept whole", () => {
  const cache = new PageCache();
  for (let time = 0; time < 2; time += 1)
    expect(text(cache.page("a", 1, "", () => "<p>whole</p>"))).toBe("<p>whole</p>");
});

test("not more than a few hundred pages are kept: the first of very many is rendered anew", () => {
  const renders: string[] = [];
  const cache = new PageCache();
  for (let index = 0; index < 1_000; index += 1) cache.page(`page ${index}`, 1, "", page(renders, "a"));
  cache.page("page 0", 1, "", page(renders, "a"));
  expect(renders).toHaveLength(1_001);
});

test("a page is bytes in UTF-8, whatever its script, with the token in its place", () => {
  const cache = new PageCache();
  const render = (token: string) => `<p>नमस्ते 🙂${token}مرحبا</p>`;
  for (const token of ["T-1_x", "a-longer-token-than-that"]) {
    expect(text(cache.page("a", 1, token, render))).toBe(render(token));
  }
});

test("a page that one guest was given is not changed by the next one's", () => {
  const cache = new PageCache();
  const first = cache.page("a", 1, "T1", page([], "a"));
  cache.page("a", 1, "T2", page([], "a"));
  expect(text(first)).toBe("<a>T1</a>");
});
