/*
 * The browser of a phone without JavaScript, run inside the emulated box: bun phone.js WHAT [ARGUMENTS]. Prints what a test is to
 * know in one line of JSON.
 */
const PORTAL = "http://omerta.internal";
const MOST_TRIES = 3;
const [, , what = "", ...args] = process.argv;

async function page(path: string): Promise<string> {
  const answer = await fetch(`${PORTAL}${path}`, { signal: AbortSignal.timeout(30_000) });
  return answer.text();
}

const tokenOf = (html: string): string => /name="token" value="([^"]+)"/.exec(html)?.[1] ?? "";

/** @returns with the page that came instead, if one did */
async function post(
  path: string,
  fields: Record<string, string>,
): Promise<{ status: number; location: string; page: string }> {
  const answer = await fetch(`${PORTAL}${path}`, {
    method: "POST",
    body: new URLSearchParams(fields),
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  const { status, headers } = answer;
  return { status, location: headers.get("location") ?? "", page: await answer.text() };
}

/** Sends a form, and again when the page asks for that, as people do. */
async function send(
  path: string,
  fields: Record<string, string>,
  formAt = path,
): Promise<{ status: number; location: string }> {
  let token = tokenOf(await page(`${formAt}?lang=en`));
  for (let tries = 1; ; tries += 1) {
    const { status, location, page: again } = await post(path, { ...fields, lang: "en", token });
    if ((status !== 200 && status !== 503) || tries === MOST_TRIES) return { status, location };
    token = tokenOf(again) || token;
  }
}

/** The words of a page, without its tags. */
const wordsOf = (html: string): string =>
  (/<main[\s\S]*<\/main>/.exec(html)?.[0] ?? html)
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ")
    .trim();

async function act(): Promise<unknown> {
  switch (what) {
    case "probe": {
      const answer = await fetch("http://captive.apple.com/hotspot-detect.html", {
        redirect: "manual",
        signal: AbortSignal.timeout(30_000),
      });
      return { status: answer.status, location: answer.headers.get("location") ?? "" };
    }
    case "portal":
      return { words: wordsOf(await page("/?lang=en")) };
    case "consent":
      return send("/agree", {}, "/");
    case "sos": {
      const [text = "", place = ""] = args;
      return send("/sos", { text, place });
    }
    case "read":
      return { words: wordsOf(await page(args[0] ?? "/")) };
    default:
      throw new Error(`a phone cannot ${what}`);
  }
}

console.log(JSON.stringify(await act()));

export {};
