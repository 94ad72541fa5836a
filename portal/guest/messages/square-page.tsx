/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import { SQUARE } from "../../../src/messages/index.ts";
import { Layout } from "../layout.tsx";
import { frame, link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import { Back } from "./hub.tsx";
import { Pager } from "./list.tsx";

export interface SquarePageOptions {
  room: string;
  /** All rooms that the box knows of; the town square and this room are there also where they are not among them. */
  rooms: readonly string[];
  /** What {@link postItem} made of each post, the newest first. */
  items: readonly string[];
  further: boolean;
  next: string | undefined;
  /** Of what has just been written: shows what becomes of it. */
  code?: string | undefined;
}

/** What a room is called; the town square has a name in every language. */
export const roomName = (context: PageContext, room: string): string =>
  room === SQUARE ? wordsOf(context.language)("home.square") : room;

/** The town square, or another room: what everybody here and on other boxes has written. */
export function squarePage(context: PageContext, options: SquarePageOptions): string {
  const { room, rooms, items, further, next, code } = options;
  const t = wordsOf(context.language);
  const all = [...new Set([SQUARE, ...rooms, room])];
  return (
    <Layout
      {...frame(context, roomName(context, room))}
      path={room === SQUARE ? "/square" : `/square?room=${encodeURIComponent(room)}`}
    >
      {code === undefined ? null : (
        <p class="n">
          {t("mine.keep")}{" "}
          <a class="a" dir="ltr" href={link("/mine", context, { code })}>
            {code}
          </a>
        </p>
      )}
      <a class="b" href={link("/write", context, { room })}>
        {t("square.write")}
      </a>
      {all.length < 2 ? null : (
        <p class="g">
          {t("square.rooms")}:{" "}
          {all.map((one) =>
            one === room ? (
              <b aria-current="page">
                <bdi>{roomName(context, one)}</bdi>
              </b>
            ) : (
              <a href={link("/square", context, { room: one })}>
                <bdi>{roomName(context, one)}</bdi>
              </a>
            ),
          )}
        </p>
      )}
      {items.length === 0 ? <p>{t("square.empty")}</p> : raw(items.join(""))}
      <Pager context={context} path="/square" query={{ room }} further={further} next={next} />
      <Back context={context} />
    </Layout>
  ).toString();
}
