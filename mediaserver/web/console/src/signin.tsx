/** The way in: a token. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Mark } from "./parts.tsx";

interface Props {
  /** Why somebody is asked, where it is not the first time. */
  why: string | undefined;
  signIn: (token: string) => Promise<void>;
}

export function SignIn({ why, signIn }: Props) {
  const [error, setError] = useState(why);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  useEffect(() => setError(why), [why]);

  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    const token = field.current!.value.trim();
    if (token === "") {
      setError("Paste a token first.");
      field.current!.focus();
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      await signIn(token);
    } catch (e) {
      setBusy(false);
      setError((e as Error).message);
      field.current?.select();
    }
  };
  return (
    <main class="signin">
      <form class="card" onSubmit={(e) => void submit(e)}>
        <h1>
          <Mark /> Flashpod console
        </h1>
        <label for="token">Token</label>
        <input id="token" ref={field} type="password" autocomplete="current-password" spellcheck={false} aria-describedby="token-help token-error" aria-invalid={error !== undefined} />
        <p id="token-error" class="error" role="alert">
          {error}
        </p>
        <button class="primary" type="submit" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p id="token-help" class="quiet">
          <code>flashpod serve</code> says where it keeps its two tokens: who shows that of <code>admin</code> may change things, a <code>viewer</code> only looks.
        </p>
      </form>
    </main>
  );
}
