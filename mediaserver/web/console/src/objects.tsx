/** Shared objects, and what is in one as it changes. */
import { useEffect, useRef } from "preact/hooks";
import { key } from "./feed.ts";
import { bytes, count, plural } from "./format.ts";
import { Empty, useSeen } from "./parts.tsx";
import { address } from "./route.ts";
import { Table } from "./table.tsx";
import type { Place, SharedObject } from "./types.ts";

/** Its name as scripts know it, by its key. */
const plain = (key: string): string => key.replace(/^[pt]:/, "");

export function Objects({ place, objects, chosen }: { place: Place; objects: SharedObject[]; chosen: string | undefined }) {
  if (objects.length === 0 && chosen === undefined) return <Empty>No shared object is in use here now.</Empty>;
  return (
    <div class="objects">
      <Table
        caption={`Shared objects of ${key(place)}`}
        rows={objects}
        id={(o) => o.key}
        empty="No shared object is in use here now."
        columns={[
          {
            name: "Shared object",
            sort: (o) => o.name,
            cell: (o) => (
              <>
                <a class="name" href={address({ place, part: "objects", object: o.key })} aria-current={o.key === chosen ? "true" : undefined}>
                  {o.name}
                </a>
                {o.persistent && <span class="badge">persistent</span>}
              </>
            ),
          },
          { name: "Slots", numeric: true, sort: (o) => o.slots, cell: (o) => count(o.slots) },
          { name: "Users", numeric: true, sort: (o) => o.users, cell: (o) => count(o.users) },
          { name: "Version", numeric: true, sort: (o) => o.version, cell: (o) => o.version },
          { name: "Size", numeric: true, sort: (o) => o.bytes, cell: (o) => bytes(o.bytes) },
        ]}
      />
      {chosen === undefined ? <Empty>Choose one to see its slots as they change.</Empty> : <Slots key={chosen} of={chosen} />}
    </div>
  );
}

function Slots({ of }: { of: string }) {
  const { object } = useSeen();
  const one = object?.key === of && !object.gone ? object : undefined;
  const changes = useChanges(one?.slots);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), [one === undefined]); // on a phone it is below the others
  const title = (
    <h2>
      {plain(of)} {one && <span class="quiet">version {one.version}</span>}
    </h2>
  );
  if (!one) {
    return (
      <div class="card slots" ref={box}>
        {title}
        <Empty>{object?.key === of ? `Nobody uses ${plain(of)} now. What is in it appears here when somebody does.` : "Waiting for the server…"}</Empty>
      </div>
    );
  }
  const names = Object.keys(one.slots).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return (
    <div class="card slots" ref={box}>
      {title}
      <Table
        caption={`Slots of ${plain(of)}: ${plural(names.length, "slot")}`}
        rows={names}
        id={(slot) => slot}
        empty="It has no slots."
        columns={[
          { name: "Slot", cell: (slot) => <code>{slot}</code> },
          {
            name: "Value",
            cell: (slot) => (
              <pre key={changes.get(slot)} class={changes.get(slot) ? "changed" : ""}>
                {show(one.slots[slot])}
              </pre>
            ),
          },
        ]}
      />
      {one.more > 0 && <p class="more quiet">{plural(one.more, "more slot")} would be too much for this page.</p>}
    </div>
  );
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text === undefined ? "undefined" : text.length > 60 ? JSON.stringify(value, null, 2) : text;
}

/** How often each slot has changed since it was first seen. */
function useChanges(slots: Record<string, unknown> | undefined): ReadonlyMap<string, number> {
  const kept = useRef<{ slots: Record<string, unknown> | undefined; texts: Map<string, string>; changes: Map<string, number> }>({ slots: undefined, texts: new Map(), changes: new Map() });
  const { current } = kept;
  if (slots && slots !== current.slots) {
    const first = current.slots === undefined;
    const texts = new Map(Object.entries(slots).map(([slot, value]) => [slot, JSON.stringify(value)]));
    for (const [slot, text] of texts) {
      if (!first && current.texts.get(slot) !== text) current.changes.set(slot, (current.changes.get(slot) ?? 0) + 1);
    }
    current.slots = slots;
    current.texts = texts;
  }
  return current.changes;
}
