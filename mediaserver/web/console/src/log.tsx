/** What scripts say, and what goes wrong in them. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { key } from "./feed.ts";
import { moment, plural } from "./format.ts";
import { Empty, useSeen } from "./parts.tsx";
import { address } from "./route.ts";
import type { Place } from "./types.ts";

const bad = (level: string): boolean => level === "error" || level === "warn";
/** Milliseconds between two times that a screen reader is told of new errors. */
const pause = 20_000;

/** @param place undefined: of all instances */
export function Log({ place }: { place?: Place }) {
  const { log } = useSeen();
  const [only, setOnly] = useState(false);
  const [looked, setLooked] = useState("");
  const box = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  const wanted = looked.trim().toLowerCase();
  const mine = place ? log.filter((e) => e.application === place.application && e.instance === place.instance) : log;
  const shown = mine.filter((e) => (!only || bad(e.level)) && (wanted === "" || `${e.text} ${e.where ?? ""}`.toLowerCase().includes(wanted)));

  useLayoutEffect(() => {
    if (follow.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown.at(-1)?.key, only, wanted]);

  if (mine.length === 0) return <Empty>{place ? "Its script has said nothing." : "No script has said anything."} What trace() prints, and what fails, appears here.</Empty>;
  return (
    <div class="log">
      <div class="tools">
        <label>
          <input type="checkbox" checked={only} onChange={(e) => setOnly(e.currentTarget.checked)} /> Only errors and warnings
        </label>
        <label class="look">
          <span class="hidden">Look for a text in the log</span>
          <input type="search" placeholder="Look for a text" value={looked} onInput={(e) => setLooked(e.currentTarget.value)} />
        </label>
      </div>
      <div
        ref={box}
        class="card lines"
        role="log"
        aria-live="off"
        aria-label={place ? `Script log of ${key(place)}` : "Script log of all instances"}
        tabIndex={0}
        onScroll={({ currentTarget: b }) => (follow.current = b.scrollHeight - b.scrollTop - b.clientHeight < 24)}
      >
        {shown.length === 0 && <p class="quiet">Nothing of the last {plural(mine.length, "entry", "entries")} is like that.</p>}
        {shown.map((e) => (
          <p key={e.key} class={`entry ${e.level}`}>
            <time dateTime={new Date(e.time).toISOString()}>{moment(e.time)}</time>
            {bad(e.level) && <b class="level">{e.level}</b>}
            {!place && e.instance !== undefined && (
              <a class="from" href={address({ place: { application: e.application ?? "", instance: e.instance }, part: "log" })}>
                {e.application}/{e.instance}
              </a>
            )}
            <span class="text">{e.text}</span>
            {e.where && <code class="where">{e.where}</code>}
          </p>
        ))}
      </div>
      <Errors count={mine.filter((e) => e.level === "error").at(-1)?.key} />
    </div>
  );
}

/** Tells a screen reader that there are new errors, now and then: it would have to read all day otherwise. */
function Errors({ count }: { count: number | undefined }) {
  const [text, setText] = useState("");
  const first = useRef(count);
  const last = useRef(0);
  useEffect(() => {
    if (count === first.current) return undefined;
    const wait = Math.max(0, last.current + pause - Date.now());
    const timer = setTimeout(() => {
      first.current = count;
      last.current = Date.now();
      setText(`New script errors at ${moment(last.current)}.`);
    }, wait);
    return () => clearTimeout(timer);
  }, [count]);
  return (
    <p class="hidden" role="status">
      {text}
    </p>
  );
}
