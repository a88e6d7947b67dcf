/** What is around everything: how the server does, who looks, and whether there is a connection. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ActsProvider } from "./acts.tsx";
import type { Feed, Seen } from "./feed.ts";
import { InstancePage } from "./instance.tsx";
import { Overview } from "./overview.tsx";
import { FeedProvider, Mark, useSeen } from "./parts.tsx";
import { parse, type Route } from "./route.ts";
import type { Server, Session } from "./types.ts";

interface Props {
  session: Session;
  feed: Feed;
  signOut: () => void;
}

export function Frame({ session, feed, signOut }: Props) {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const where = route.place ? `${route.place.application}/${route.place.instance}` : "";
  useEffect(() => feed.look(route.place, route.object), [where, route.object]);
  useEffect(() => () => feed.stop(), []);
  const before = useRef(where);
  useEffect(() => {
    if (before.current === where) return;
    before.current = where;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true }); // what had the focus is gone
  }, [where]);
  useEffect(() => {
    document.title = where === "" ? "Flashpod console" : `${where} · Flashpod console`;
  }, [where]);
  return (
    <FeedProvider value={feed}>
      <ActsProvider may={session.role === "admin"}>
        <header class="top">
          <a
            class="skip"
            href="#/"
            onClick={(e) => {
              e.preventDefault();
              main.current?.focus();
            }}
          >
            Skip to what is shown
          </a>
          <a class="home" href="#/" aria-label="Flashpod console, the whole server">
            <Mark /> <b>Flashpod</b>
          </a>
          <Condition />
          <span class="who">
            <span class="role">{session.role === "admin" ? "Admin" : "Read only"}</span>
            <button type="button" class="plain" onClick={signOut}>
              Sign out
            </button>
          </span>
        </header>
        <Link />
        <main ref={main} tabIndex={-1}>
          {route.place ? <InstancePage key={where} place={route.place} route={route} /> : <Overview />}
        </main>
        <footer class="quiet">Flashpod {session.version}</footer>
      </ActsProvider>
    </FeedProvider>
  );
}

function useRoute(): Route {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const change = (): void => set(location.hash);
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return parse(hash);
}

const condition = (server: Server): [string, string] => (server.draining ? ["warn", "Draining"] : server.ready ? ["good", "Ready"] : ["bad", "Not ready"]);

/** Whether the server takes clients. */
function Condition() {
  const { state, link } = useSeen();
  if (!state) return <span class="condition" />;
  if (link === "lost") return <span class="condition lost">Not connected</span>;
  const [kind, name] = condition(state.server);
  return (
    <span class={`condition ${kind}`}>
      {name}
      {kind !== "good" && state.server.reason ? <span class="reason">: {state.server.reason}</span> : ""}
    </span>
  );
}

/** Says when the connection is lost, and when it is there again, and nothing else. */
function Link() {
  const { link, reason } = useSeen();
  const was = useRef<Seen["link"]>("connecting");
  const [again, setAgain] = useState(false);
  useEffect(() => {
    const before = was.current;
    was.current = link;
    if (before !== "lost" || link !== "live") return undefined;
    setAgain(true);
    const timer = setTimeout(() => setAgain(false), 4000);
    return () => clearTimeout(timer);
  }, [link]);
  const text = link === "lost" ? `Connection lost. ${reason ?? ""} This page tries again; what it shows is how it was.` : again ? "Connected again." : "";
  return (
    <p class={`link ${link}`} role="status">
      {text}
    </p>
  );
}
