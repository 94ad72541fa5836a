import type { BundleSource } from "./bundle/fetch-bundle.ts";
import { MAX_BUNDLE_BYTES } from "./bundle/layout.ts";

const TIMEOUT_MS = 60_000;

/**
 * A bundle on a web server. Nothing else has to be there, no list and no signature of one: the bundle's end is fetched first,
 * and its signed manifest says what it is.
 * @throws when it is not there, or the server knows no ranges (RFC 9110, section 14)
 */
export async function httpSource(url: string): Promise<BundleSource> {
  const { host } = new URL(url);
  const first = await range(url, "bytes=0-0");
  const bytes = Number(/\/(\d{1,12})$/.exec(first.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
  const tag = first.headers.get("etag");
  await first.arrayBuffer();
  if (!(bytes > 0 && bytes <= MAX_BUNDLE_BYTES))
    throw new Error(`${host}: it does not say how large the bundle is`);
  return {
    name: host,
    bytes,
    async read(offset, length) {
      const response = await range(url, `bytes=${offset}-${offset + length - 1}`, tag);
      const content = new Uint8Array(await response.arrayBuffer());
      if (content.length !== length)
        throw new Error(`${host}: ${content.length} bytes in place of ${length}`);
      return content;
    },
  };
}

/** @param tag of what the earlier pieces are of: with another the server would give the whole */
async function range(url: string, bytes: string, tag: string | null = null): Promise<Response> {
  const response = await fetch(url, {
    headers: {
      range: bytes,
      "accept-encoding": "identity",
      ...(tag?.startsWith('"') ? { "if-range": tag } : {}),
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status === 206) return response;
  await response.body?.cancel();
  const { host } = new URL(url);
  throw new Error(
    response.status === 200
      ? `${host}: the bundle is another one by now, or the server knows no ranges`
      : `${host}: it answers ${response.status}`,
  );
}
