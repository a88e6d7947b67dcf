/** One instance. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import * as api from "./api.ts";
import { useActs } from "./acts.tsx";
import { Clients } from "./clients.tsx";
import { key } from "./feed.ts";
import { count, plural, rate } from "./format.ts";
import { Log } from "./log.tsx";
import { Objects } from "./objects.tsx";
import { Empty, useSeen } from "./parts.tsx";
import { Recordings } from "./recordings.tsx";
import { address, parts, type Part, type Route } from "./route.ts";
import { Streams } from "./streams.tsx";
import type { Place, Running } from "./types.ts";

const names: Record<Part, string> = { streams: "Streams", clients: "Clients", objects: "Shared objects", recordings: "Recordings", log: "Script log" };

export function InstancePage({ place, route }: { place: Place; route: Route }) {
  const { state, detail } = useSeen();
  const { may, ask } = useActs();
  const one = state?.instances.find((i) => key(i) === key(place));
  const runs = detail && key(detail) === key(place) && !detail.gone ? detail : undefined;
  const counts: Partial<Record<Part, number>> = runs ? { streams: runs.streams.length, clients: one?.clients ?? runs.clients.length, objects: runs.objects.length } : {};
  const living = (shown: (is: Running) => ComponentChildren): ComponentChildren =>
    runs ? shown(runs) : <Empty>{detail?.gone ? `${key(place)} does not run now. What it has appears here when somebody connects to it.` : "Waiting for the server…"}</Empty>;

  const seen = useRef<HTMLAnchorElement>(null);
  useEffect(() => seen.current?.scrollIntoView({ block: "nearest", inline: "nearest" }), [route.part]);

  return (
    <>
      <div class="heading">
        <div>
          <nav aria-label="Where this is">
            <a href="#/">All instances</a>
          </nav>
          <h1>
            <span class="quiet">{place.application}/</span>
            <wbr />
            {place.instance}
          </h1>
          <p class="quiet numbers">{one ? `${plural(one.clients, "client")} · ${plural(one.players, "player")} · ${rate(one.in)} in · ${rate(one.out)} out` : ""}</p>
        </div>
        {may && one && (
          <button
            type="button"
            class="danger"
            onClick={() =>
              ask({
                title: `Unload ${key(place)}?`,
                text: `All of its ${plural(one.clients, "client")} are disconnected. Others that come get an instance that begins anew; recordings and persistent shared objects stay.`,
                verb: "Unload",
                do: () => api.unload(place),
                done: `${key(place)} is unloaded.`,
              })
            }
          >
            Unload…
          </button>
        )}
      </div>
      <nav class="parts" aria-label={`Parts of ${key(place)}`}>
        {parts.map((part) => (
          <a key={part} ref={part === route.part ? seen : null} href={address({ place, part })} aria-current={part === route.part ? "page" : undefined}>
            {names[part]} {counts[part] !== undefined && <span class="count">{count(counts[part])}</span>}
          </a>
        ))}
      </nav>
      <section aria-label={names[route.part]}>
        {route.part === "streams" && living((is) => <Streams place={place} streams={is.streams} />)}
        {route.part === "clients" && living((is) => <Clients place={place} clients={is.clients} all={one?.clients ?? 0} />)}
        {route.part === "objects" && living((is) => <Objects place={place} objects={is.objects} chosen={route.object} />)}
        {route.part === "recordings" && <Recordings place={place} writing={one?.recordings ?? 0} />}
        {route.part === "log" && <Log place={place} />}
      </section>
    </>
  );
}
