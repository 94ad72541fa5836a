import type { Database } from "bun:sqlite";

interface Column {
  name: string;
  type: string;
  notnull: number;
  dflt_value: string | null;
  pk: number;
}

/** What older versions depend on in a database: its tables, and what keeps rows out of them. */
interface Form {
  columns: ReadonlyMap<string, readonly Column[]>;
  /** `table(column, column)` of each index that lets no two rows be the same. */
  unique: ReadonlySet<string>;
}

export function formOf(db: Database): Form {
  const tables = db
    .query<{ name: string }, []>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    .all()
    .map(({ name }) => name);
  const columns = new Map(
    tables.map((table) => [
      table,
      db.query<Column, [string]>("SELECT * FROM pragma_table_info(?)").all(table),
    ]),
  );
  const unique = new Set<string>();
  for (const table of tables) {
    const indices = db
      .query<{ name: string }, [string]>('SELECT name FROM pragma_index_list(?) WHERE "unique" = 1')
      .all(table);
    for (const { name } of indices) {
      const of = db
        .query<{ name: string | null }, [string]>("SELECT name FROM pragma_index_info(?)")
        .all(name);
      unique.add(`${table}(${of.map((column) => column.name ?? "an expression").join(", ")})`);
    }
  }
  return { columns, unique };
}

/** Why a version that knows the earlier form could not go on with the later one; none: it can, as far as can be seen. */
export function whyNotAdditive(before: Form, after: Form): string[] {
  const reasons: string[] = [];
  for (const [table, columns] of before.columns) {
    const later = after.columns.get(table);
    if (!later) {
      reasons.push(`the table ${table} is gone`);
      continue;
    }
    for (const [index, column] of columns.entries())
      if (JSON.stringify(later[index]) !== JSON.stringify(column))
        reasons.push(`the column ${table}.${column.name} is another`);
    for (const { name, notnull, dflt_value } of later.slice(columns.length))
      if (notnull === 1 && dflt_value === null) reasons.push(`the column ${table}.${name} has no default`);
  }
  const isOld = (index: string) => before.columns.has(index.slice(0, index.indexOf("(")));
  for (const index of after.unique)
    if (isOld(index) && !before.unique.has(index)) reasons.push(`${index} has to be unique`);
  for (const index of before.unique)
    if (!after.unique.has(index)) reasons.push(`${index} need not be unique any more`);
  return reasons;
}
