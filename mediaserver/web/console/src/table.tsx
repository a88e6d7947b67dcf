/** Tables that can be sorted, and that are cards on a phone. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Empty } from "./parts.tsx";

export interface Column<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
  /** What rows are sorted by; undefined: not by this. */
  sort?: (row: T) => number | string;
  numeric?: boolean;
  /** Its name is not shown: it holds buttons. */
  actions?: boolean;
  /** What has the width of a card to itself, where rows are cards. */
  long?: boolean;
  /** Left out where this says so of all rows. */
  none?: (row: T) => boolean;
}

interface Props<T> {
  caption: string;
  columns: Column<T>[];
  rows: readonly T[];
  id: (row: T) => string;
  /** What is said where there are none. */
  empty: string;
}

// Roles are named, since a table that is shown as cards is none to some browsers.
export function Table<T>({ caption, columns, rows, id, empty }: Props<T>) {
  const [by, setBy] = useState<{ name: string; down: boolean }>();
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  const shown = columns.filter(({ none }) => !none || !rows.every(none));
  const sort = shown.find(({ name }) => name === by?.name)?.sort;
  const sorted = sort
    ? [...rows].sort((a, b) => {
        const [x, y] = [sort(a), sort(b)];
        return (x < y ? -1 : x > y ? 1 : 0) * (by!.down ? -1 : 1);
      })
    : rows;
  const turn = ({ name, numeric }: Column<T>): void => setBy(by?.name === name ? (by.down === !!numeric ? { name, down: !numeric } : undefined) : { name, down: !!numeric });
  return (
    <table role="table">
      <caption class="hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {shown.map((c) => (
            <th key={c.name} role="columnheader" scope="col" class={c.numeric ? "number" : ""} aria-sort={by?.name === c.name ? (by.down ? "descending" : "ascending") : undefined}>
              {c.sort ? (
                <button class="sort" type="button" onClick={() => turn(c)}>
                  {c.name}
                </button>
              ) : (
                <span class={c.actions ? "hidden" : ""}>{c.name}</span>
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {sorted.map((row) => (
          <tr key={id(row)} role="row">
            {shown.map((c, i) =>
              i === 0 ? (
                <th key={c.name} role="rowheader" scope="row">
                  {c.cell(row)}
                </th>
              ) : (
                <td key={c.name} role="cell" class={["actions", "number", "long"].filter((_, i) => [c.actions, c.numeric, c.long][i]).join(" ")} data-label={c.actions ? undefined : c.name}>
                  {c.cell(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
