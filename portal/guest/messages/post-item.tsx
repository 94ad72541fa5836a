/** @jsxImportSource hono/jsx */
import type { ShownPost } from "../../../src/messages/index.ts";
import { link, type PageContext } from "../page-context.tsx";
import { wordsOf } from "../words.ts";
import { Origin, Vouched } from "./list.tsx";

export interface PostItemOptions {
  context: PageContext;
  post: ShownPost;
  /** The post that it answers, where that is on the same page. */
  answered?: ShownPost | undefined;
}

/** A post of a room, or the trace of one that is gone. */
export function postItem({ context, post, answered }: PostItemOptions): string {
  const t = wordsOf(context.language);
  const nameOf = ({ name }: ShownPost) => (name === "" ? t("square.nameless") : name);
  const query = { id: post.id, room: post.room };
  return (
    <article id={`p${post.id}`}>
      <Vouched context={context} shown={post} />
      <p class="s">
        <b>
          <bdi>{nameOf(post)}</bdi>
        </b>
        {" · "}
        <Origin context={context} shown={post} />
        {answered === undefined ? null : (
          <>
            {" · "}
            <a href={`#p${answered.id}`}>{t("square.answers", { name: nameOf(answered) })}</a>
          </>
        )}
      </p>
      {post.removed === undefined ? (
        <p class="o" dir="auto">
          {post.text}
        </p>
      ) : (
        <Trace context={context} removed={post.removed} />
      )}
      {post.removed === undefined ? (
        <p class="g s">
          <a href={link("/write", context, { reply: post.id, room: post.room })}>{t("square.reply")}</a>
          <a href={link("/report", context, query)}>{t("square.report")}</a>
        </p>
      ) : null}
    </article>
  ).toString();
}

/** Where a post was: who has taken it away, and why. */
function Trace({ context, removed }: { context: PageContext; removed: NonNullable<ShownPost["removed"]> }) {
  const t = wordsOf(context.language);
  return (
    <p>
      <i>{t(removed.by === "sender" ? "square.takenBack" : "square.removed")}</i>
      {removed.reason === "" ? null : <> {t("square.reason", { reason: removed.reason })}</>}
    </p>
  );
}
