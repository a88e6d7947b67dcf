/** Who is connected to an instance. */
import { useState } from "preact/hooks";
import * as api from "./api.ts";
import { useActs } from "./acts.tsx";
import { key } from "./feed.ts";
import { count, duration, moment, rate } from "./format.ts";
import { useNow } from "./parts.tsx";
import { Table, type Column } from "./table.tsx";
import type { Client, Place } from "./types.ts";

/** How many there are before somebody must look for one. */
const many = 12;

/** @param all how many there are: the server tells only of so many */
export function Clients({ place, clients, all }: { place: Place; clients: Client[]; all: number }) {
  const { may, ask } = useActs();
  const now = useNow();
  const [looked, setLooked] = useState("");
  const wanted = looked.trim().toLowerCase();
  const rows = wanted === "" ? clients : clients.filter((c) => [c.id, c.address, c.agent, c.does].some((s) => s.toLowerCase().includes(wanted)));
  const columns: Column<Client>[] = [
    {
      name: "Client",
      sort: (c) => c.address,
      cell: (c) => (
        <>
          <span class="name address">{c.address}</span>
          <code class="quiet id">{c.id}</code>
        </>
      ),
    },
    { name: "Does", long: true, sort: (c) => c.does, none: (c) => c.does === "", cell: (c) => (c.does === "" ? <span class="quiet">nothing</span> : <span class="does">{c.does.split(", ").map((d) => <span key={d}>{d}</span>)}</span>) },
    { name: "Agent", long: true, sort: (c) => c.agent, none: (c) => !c.agent, cell: (c) => <span class="agent">{c.agent || "–"}</span> },
    { name: "Here for", numeric: true, sort: (c) => now - c.since, cell: (c) => <span title={`since ${moment(c.since)}`}>{duration((now - c.since) / 1000)}</span> },
    { name: "In", numeric: true, sort: (c) => c.in, cell: (c) => rate(c.in) },
    { name: "Out", numeric: true, sort: (c) => c.out, cell: (c) => rate(c.out) },
    { name: "Ping", numeric: true, sort: (c) => c.ping, none: (c) => !c.ping, cell: (c) => (c.ping ? `${Math.round(c.ping)} ms` : "–") },
    { name: "Dropped", numeric: true, sort: (c) => c.dropped ?? 0, none: (c) => !c.dropped, cell: (c) => count(c.dropped ?? 0) },
  ];
  if (may) {
    columns.push({
      name: "Disconnect",
      actions: true,
      cell: (c) => (
        <button
          type="button"
          class="small"
          onClick={() =>
            ask({
              title: "Disconnect this client?",
              text: `${c.address} (${c.does || "does nothing now"}) loses its connection to ${key(place)}. Nothing keeps it from coming back.`,
              verb: "Disconnect",
              do: () => api.kick(place, c.id),
              done: `${c.address} is disconnected.`,
            })
          }
        >
          Kick…<span class="hidden"> {c.address}</span>
        </button>
      ),
    });
  }
  return (
    <>
      {clients.length > many && (
        <label class="look">
          <span class="hidden">Look for a client</span>
          <input type="search" placeholder="Look for an address, an id, a stream" value={looked} onInput={(e) => setLooked(e.currentTarget.value)} />
        </label>
      )}
      {all > clients.length && (
        <p class="quiet">
          {count(clients.length)} of {count(all)} are shown; <code>flashpod instances info {key(place)}</code> lists them all.
        </p>
      )}
      <Table caption={`Clients of ${key(place)}`} columns={columns} rows={rows} id={(c) => c.id} empty={wanted === "" ? "Nobody is connected." : `No client has anything like ${looked}.`} />
    </>
  );
}
