/** Small things that all of the page is made of. */
import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { Feed, Seen } from "./feed.ts";

/** The mark: a pod with a flash in it. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect x="1" y="1" width="30" height="30" rx="9" />
    <path d="M18.5 4.5 8 18h6.5l-2 9.5L24 13h-7z" />
  </svg>
);

const FeedContext = createContext<Feed | undefined>(undefined);
export const FeedProvider = FeedContext.Provider;

/** What the server has told, anew whenever there is more. */
export function useSeen(): Seen {
  const feed = useContext(FeedContext)!;
  const [seen, set] = useState(feed.seen);
  useEffect(() => {
    set(feed.seen);
    return feed.listen(() => set(feed.seen));
  }, [feed]);
  return seen;
}

/** The present, each second, for what says how long ago something was. */
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** A rate of the last two minutes, as a little line beside its number. */
export function Spark({ of }: { of: readonly number[] | undefined }) {
  const wide = 60;
  if (!of || of.length < 2) return <svg class="spark" aria-hidden="true" viewBox={`0 0 ${wide} 16`} />;
  const most = Math.max(...of, 1);
  const line = of.map((n, i) => `${wide - of.length + 1 + i},${(15 - (14 * n) / most).toFixed(1)}`).join(" ");
  return (
    <svg class="spark" aria-hidden="true" viewBox={`0 0 ${wide} 16`} preserveAspectRatio="none">
      <polyline points={line} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

/** Terms and what they are. */
export function Facts({ of }: { of: (readonly [string, ComponentChildren] | false | undefined)[] }) {
  return (
    <dl class="facts">
      {of.map(
        (one) =>
          one && (
            <div key={one[0]}>
              <dt>{one[0]}</dt>
              <dd>{one[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;
