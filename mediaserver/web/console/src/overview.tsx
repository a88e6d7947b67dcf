/** The whole server: its last hour, its instances, and what their scripts say. */
import { useState } from "preact/hooks";
import * as api from "./api.ts";
import { useActs } from "./acts.tsx";
import { key } from "./feed.ts";
import { bytes, cores, count, duration, plural, publicAddress, rate } from "./format.ts";
import { Graph, type Line } from "./graph.tsx";
import { Log } from "./log.tsx";
import { Empty, Facts, Spark, useSeen } from "./parts.tsx";
import { Recordings } from "./recordings.tsx";
import { address } from "./route.ts";
import { Table, type Column } from "./table.tsx";
import type { Instance, Server } from "./types.ts";

const people: Line[] = [
  { name: "clients", of: (p) => p.clients },
  { name: "players", of: (p) => p.players },
];
const traffic: Line[] = [
  { name: "in", of: (p) => p.in },
  { name: "out", of: (p) => p.out },
];
const cpu: Line[] = [{ name: "cores", of: (p) => p.cpu }];
const memory: Line[] = [{ name: "memory", of: (p) => p.memory }];

export function Overview() {
  const { state, history, step } = useSeen();
  const at = { points: history, step };
  return (
    <>
      <h1 class="hidden">The server</h1>
      <section aria-labelledby="hour">
        <h2 id="hour">Last hour</h2>
        <div class="graphs">
          <Graph title="Clients" lines={people} format={count} least={4} {...at} />
          <Graph title="Traffic" lines={traffic} format={rate} least={1_000_000} {...at} />
          <Graph title="CPU, cores" lines={cpu} format={cores} least={0.2} {...at} />
          <Graph title="Memory" lines={memory} format={bytes} least={64 << 20} binary {...at} />
        </div>
      </section>
      <section aria-labelledby="instances">
        <h2 id="instances">Instances</h2>
        {state ? <Instances all={state.instances} more={state.more} /> : <Empty>Waiting for the server…</Empty>}
      </section>
      <section aria-labelledby="recordings">
        <h2 id="recordings">Recordings</h2>
        <Recorded writing={state?.instances.reduce((n, i) => n + i.recordings, 0) ?? 0} />
      </section>
      <section aria-labelledby="log">
        <h2 id="log">Script log</h2>
        <Log />
      </section>
      {state && <About server={state.server} />}
    </>
  );
}

/** What is recorded, once somebody asks: it is read from the disk. */
function Recorded({ writing }: { writing: number }) {
  const [shown, show] = useState(false);
  return shown ? (
    <Recordings writing={writing} />
  ) : (
    <p class="quiet">
      <button type="button" class="small" onClick={() => show(true)}>
        Show recordings
      </button>{" "}
      of all instances, also of those that do not run now.
    </p>
  );
}

/** How many instances are shown before somebody must look for one. */
const many = 12;

function Instances({ all, more }: { all: Instance[]; more: number }) {
  const { rates } = useSeen();
  const [looked, setLooked] = useState("");
  const wanted = looked.trim().toLowerCase();
  const rows = wanted === "" ? all : all.filter((i) => key(i).toLowerCase().includes(wanted));
  const columns: Column<Instance>[] = [
    {
      name: "Instance",
      sort: key,
      cell: (i) => (
        <>
          <a class="name" href={address({ place: i, part: "streams" })}>
            <span class="quiet">{i.application}/</span>
            <wbr />
            {i.instance}
          </a>
          {i.recordings > 0 && <span class="badge rec">recording {i.recordings > 1 ? i.recordings : ""}</span>}
        </>
      ),
    },
    { name: "Streams", numeric: true, sort: (i) => i.streams, cell: (i) => count(i.streams) },
    { name: "Clients", numeric: true, sort: (i) => i.clients, cell: (i) => count(i.clients) },
    { name: "Players", numeric: true, sort: (i) => i.players, cell: (i) => count(i.players) },
    { name: "In", numeric: true, sort: (i) => i.in, cell: (i) => rate(i.in) },
    {
      name: "Out",
      numeric: true,
      sort: (i) => i.out,
      cell: (i) => (
        <>
          <Spark of={rates.get(key(i))} /> {rate(i.out)}
        </>
      ),
    },
    {
      name: "Errors",
      numeric: true,
      sort: (i) => i.errors,
      none: (i) => !i.scripted,
      cell: (i) => (!i.scripted ? <span class="quiet">no script</span> : i.errors > 0 ? <a class="error" href={address({ place: i, part: "log" })}>{count(i.errors)}</a> : "0"),
    },
  ];
  return (
    <>
      {all.length > many && (
        <label class="look">
          <span class="hidden">Look for an instance</span>
          <input type="search" placeholder={`Look among ${all.length} instances`} value={looked} onInput={(e) => setLooked(e.currentTarget.value)} />
        </label>
      )}
      <Table
        caption="Instances that run now"
        columns={columns}
        rows={rows}
        id={key}
        empty={wanted === "" ? "No instance runs now. One that starts on demand appears here with its first client." : `No instance is called anything like ${looked}.`}
      />
      {more > 0 && (
        <p class="quiet">
          {plural(more, "more instance")} would be too much for this page: <code>flashpod instances list</code> has them all.
        </p>
      )}
    </>
  );
}

function About({ server }: { server: Server }) {
  const { may, ask } = useActs();
  return (
    <section aria-labelledby="about">
      <h2 id="about">This server</h2>
      <div class="card about">
        <Facts
          of={[
            ["Version", server.version],
            ["Up for", duration(server.uptime)],
            ["Connections", count(server.connections)],
            server.web !== "" && ["For browsers", <a href={publicAddress(server)}>{publicAddress(server)}</a>],
          ]}
        />
        {may && (
          <button
            type="button"
            class="danger"
            disabled={server.draining}
            onClick={() =>
              ask({
                title: "Drain this server?",
                text: `It takes nobody new, tells its ${plural(server.connections, "client")} that it goes away, finishes what it records, and ends. It does not come back by itself unless something starts it again.`,
                verb: "Drain",
                do: api.drain,
                done: "The server drains.",
              })
            }
          >
            {server.draining ? "Draining…" : "Drain…"}
          </button>
        )}
      </div>
    </section>
  );
}
