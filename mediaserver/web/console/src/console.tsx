/** The console: who may see it, then what there is to see. */
import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import * as api from "./api.ts";
import { Feed } from "./feed.ts";
import { Frame } from "./frame.tsx";
import { takeToken } from "./route.ts";
import { SignIn } from "./signin.tsx";
import type { Session } from "./types.ts";

/** Kept while the page is open, so that a server that has begun anew, and knows no sessions, is not a reason to ask a person. */
let token = takeToken();

async function signIn(with_: string): Promise<Session> {
  const session = await api.signIn(with_);
  token = with_;
  return session;
}

function Console() {
  const [session, setSession] = useState<Session>();
  const [why, setWhy] = useState<string>();
  const [asked, setAsked] = useState(false);
  const alive = useRef(false);

  const begin = (session: Session): void => {
    alive.current = true;
    setWhy(undefined);
    setSession(session);
  };
  const end = (why?: string): void => {
    alive.current = false;
    setSession(undefined);
    setWhy(why);
  };
  const feed = useMemo(
    () =>
      new Feed(async () => {
        if (!alive.current) return false;
        try {
          if (token === undefined) throw new api.Refused(401, "Your session has ended.");
          begin(await signIn(token));
          return true;
        } catch (e) {
          if ((e as api.Refused).status !== 401) return true; // it is tried again
          token = undefined;
          end("Your session has ended. Sign in again.");
          return false;
        }
      }),
    [],
  );

  useEffect(() => {
    const brought = token;
    (brought === undefined ? api.session() : signIn(brought))
      .then(begin, (e: api.Refused) => {
        token = undefined;
        if (brought !== undefined || e.status !== 401) end(e.message);
      })
      .finally(() => setAsked(true));
  }, []);
  useEffect(() => {
    // A link with a token that is followed where the console is open loads nothing anew.
    const change = (): void => {
      const brought = takeToken();
      if (brought !== undefined) void signIn(brought).then(begin, (e: Error) => (alive.current ? undefined : end(e.message)));
    };
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);

  if (session) {
    const leave = async (): Promise<void> => {
      token = undefined;
      feed.stop();
      end();
      await api.signOut().catch(() => {}); // a session that is gone is what was wanted
    };
    return <Frame session={session} feed={feed} signOut={() => void leave()} />;
  }
  return asked ? <SignIn why={why} signIn={async (t) => begin(await signIn(t))} /> : null;
}

render(<Console />, document.getElementById("console")!);
